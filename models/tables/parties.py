"""Who buys: the provider's customers, with their addresses and businesses."""

from sqlalchemy import Index, PrimaryKeyConstraint
from sqlalchemy.orm import Mapped

from models.tables.base import Base
from models.tables.entity import Compared, Snapshot


class Customer(Snapshot, Compared, Base):
    """The provider's customer."""

    __tablename__ = "customers"
    __table_args__ = (
        PrimaryKeyConstraint("provider", "id"),
        Index("ix_customers_email_key", "email_key"),
    )

    email: Mapped[str | None]
    #: The address as it is matched; customers of one are one person.
    email_key: Mapped[str | None]
    name: Mapped[str | None]
    locale: Mapped[str | None]
    status: Mapped[str | None]


class Address(Snapshot, Base):
    """Where a customer is taxed. Of the address only what a shop's figures need."""

    __tablename__ = "addresses"
    __table_args__ = (PrimaryKeyConstraint("provider", "id"),)

    customer_id: Mapped[str | None]
    #: ISO 3166-1, two letters.
    country: Mapped[str | None]
    region: Mapped[str | None]
    postal_code: Mapped[str | None]
    status: Mapped[str | None]


class Business(Snapshot, Base):
    """The company in whose name a customer buys."""

    __tablename__ = "businesses"
    __table_args__ = (PrimaryKeyConstraint("provider", "id"),)

    customer_id: Mapped[str | None]
    name: Mapped[str | None]
    company_number: Mapped[str | None]
    tax_identifier: Mapped[str | None]
    status: Mapped[str | None]
