"""What every entity of a provider has in the ledger: its key and its clock."""

from datetime import datetime

from sqlalchemy.orm import Mapped


class Snapshot:
    """Key and clock of an entity. All clock columns are empty while it is a stub.

    A stub is a row made only to be locked: something refers to the entity before any
    event told about it.
    """

    provider: Mapped[str]
    id: Mapped[str]
    clock_terminal: Mapped[int | None]
    clock_updated_at: Mapped[datetime | None]
    clock_status: Mapped[int | None]
    clock_occurred_at: Mapped[datetime | None]
    clock_event: Mapped[str | None]


class Compared:
    """An entity that reconciliation compares with the provider's."""

    #: When the provider last said the same; empty: never.
    confirmed_at: Mapped[datetime | None]
