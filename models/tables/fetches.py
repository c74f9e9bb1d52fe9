"""Customers to be asked for: somebody has paid, and no event ever told who it is."""

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.fetches import FetchState
from models.tables.base import Base
from models.tables.work import WorkRow, due_index, failing_index


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
