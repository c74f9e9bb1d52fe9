"""Customers to be asked for: somebody has paid, and no event ever told who it is."""

from enum import StrEnum

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base
from models.work import WorkRow, due_index, failing_index


class FetchState(StrEnum):
    """What became of asking for a customer. Only ``pending`` is left again."""

    #: To be asked for, or being asked for. Left by ``customers.fetch``.
    PENDING = "pending"
    #: An event came meanwhile: nobody was asked.
    KNOWN = "known"
    #: The answer lies in the inbox, as an event like any other.
    FETCHED = "fetched"
    #: The provider knows no such customer: what was bought waits for an event.
    MISSING = "missing"
    #: Will not pass by itself; a dead letter tells why. Left only by a replay.
    DEAD = "dead"


class CustomerFetch(WorkRow, Base):
    """One customer, asked for once and for all."""

    __tablename__ = "customer_fetches"
    __table_args__ = (
        UniqueConstraint("provider", "customer_id"),
        due_index("customer_fetches"),
        failing_index("customer_fetches"),
    )

    state: Mapped[FetchState] = mapped_column(server_default=FetchState.PENDING)
    provider: Mapped[str]
    #: The provider's id.
    customer_id: Mapped[str]
