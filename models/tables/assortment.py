"""What is sold, as the provider keeps it: products, prices and discounts."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, PrimaryKeyConstraint
from sqlalchemy.orm import Mapped

from models.tables.base import Base
from models.tables.entity import Snapshot


class Product(Snapshot, Base):
    """A product; its prices are what is bought."""

    __tablename__ = "products"
    __table_args__ = (PrimaryKeyConstraint("provider", "id"),)

    name: Mapped[str | None]
    status: Mapped[str | None]
    #: ``custom_data.course``.
    course: Mapped[str | None]
    custom_data: Mapped[dict[str, Any] | None]


class Price(Snapshot, Base):
    """A price of a product, once or by the period."""

    __tablename__ = "prices"
    __table_args__ = (
        PrimaryKeyConstraint("provider", "id"),
        Index("ix_prices_product", "provider", "product_id"),
    )

    product_id: Mapped[str | None]
    name: Mapped[str | None]
    description: Mapped[str | None]
    status: Mapped[str | None]
    #: The list price, before country overrides.
    amount_minor: Mapped[int | None]
    currency: Mapped[str | None]
    #: ``month``, with how many of them; empty: bought once.
    cycle_interval: Mapped[str | None]
    cycle_frequency: Mapped[int | None]
    trial_interval: Mapped[str | None]
    trial_frequency: Mapped[int | None]
    #: ``custom_data.course``.
    course: Mapped[str | None]
    custom_data: Mapped[dict[str, Any] | None]


class Discount(Snapshot, Base):
    """A discount, with or without a code."""

    __tablename__ = "discounts"
    __table_args__ = (PrimaryKeyConstraint("provider", "id"),)

    status: Mapped[str | None]
    description: Mapped[str | None]
    code: Mapped[str | None]
    #: ``flat``, ``flat_per_seat``, ``percentage``.
    kind: Mapped[str | None]
    #: Decimal text of per cent, or an integer in the currency's minor unit.
    amount: Mapped[str | None]
    currency: Mapped[str | None]
    expires_at: Mapped[datetime | None]
