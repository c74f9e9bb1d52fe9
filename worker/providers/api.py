"""What asking a provider must offer; tasks and commands know its API only by this."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol, Self

from worker.channels.deadline import Deadline


class ApiList(StrEnum):
    """What a provider can be asked for page by page."""

    EVENTS = "events"
    NOTIFICATIONS = "notifications"
    CUSTOMERS = "customers"
    TRANSACTIONS = "transactions"
    SUBSCRIPTIONS = "subscriptions"
    ADJUSTMENTS = "adjustments"


@dataclass(frozen=True, slots=True)
class Asked:
    """Which page of a list."""

    list: ApiList
    #: The id behind which the page begins; empty: at the beginning.
    after: str = ""
    newest_first: bool = False
    #: Only what was changed since; the provider must be able to tell (transactions).
    changed_since: datetime | None = None
    #: At most so many entities; 0: as many as a page can have.
    most: int = 0


@dataclass(frozen=True, slots=True)
class ListPage:
    """Some entities of a list, each as the provider wrote it, in the order of ids."""

    entities: tuple[bytes, ...]
    #: The id behind which the next page begins; empty: this was the last.
    following: str
    #: How many there are in the whole list, roughly; None: it does not say.
    total: int | None


@dataclass(frozen=True, slots=True)
class Destination:
    """Where the provider delivers events."""

    id: str
    is_active: bool
    #: Whether its secret is one of ours.
    is_ours: bool
    #: The event types it is subscribed to.
    subscribed: frozenset[str]


class Gate(Protocol):
    """Who is asked before each request, and told how it went."""

    def enter(self) -> Deadline | None:
        """Return if the request may be made now, and by when it must be over.

        Returns:
            None: It may take as long as any call.

        Raises:
            NoTurnError: It may not; ``wait_at_least`` says when to come again.
        """
        ...

    def leave(self, error: Exception | None) -> None:
        """Hear how the request ended; None: with an answer."""
        ...


class OpenGate:
    """Lets everything pass."""

    def enter(self) -> None:
        """Let it pass."""

    def leave(self, error: Exception | None) -> None:
        """Do nothing."""


class ProviderApi(Protocol):
    """Asks a provider for what it knows now; entities are JSON, as it writes them.

    Each call is one try, bounded in time. What may be raised stands in
    ``worker.providers.errors``.
    """

    def __enter__(self) -> Self:
        """Use it for a while."""
        ...

    def __exit__(self, *_: object) -> None:
        """Hang up."""
        ...

    def customer(self, customer_id: str) -> bytes | None:
        """Return a customer; None: there is none."""
        ...

    def invoice_url(self, transaction_id: str) -> str:
        """Return where a transaction's invoice is, for about an hour; empty: none is."""
        ...

    def checkout_url(self, transaction_id: str) -> str:
        """Return where an open transaction can be paid; empty: nowhere."""
        ...

    def page(self, asked: Asked) -> ListPage:
        """Return one page; a list that does not go forward is an ``ApiDownError``."""
        ...

    def destinations(self) -> list[Destination]:
        """Return where the provider delivers events."""
        ...

    def prices(self) -> Iterator[list[bytes]]:
        """Return all prices, page by page, archived ones too."""
        ...

    def products(self) -> Iterator[list[bytes]]:
        """Return all products, page by page, archived ones too."""
        ...

    def discounts(self) -> Iterator[list[bytes]]:
        """Return all discounts, page by page, archived ones too."""
        ...
