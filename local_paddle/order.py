"""What somebody buys, and how far they get with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from local_paddle.faults import Fault
from local_paddle.store import Entity

STAGES = ("draft", "ready", "payment_failed", "billed", "paid", "completed")


@dataclass(frozen=True)
class Order:
    """What somebody buys."""

    email: str
    #: Price id and quantity.
    items: Sequence[tuple[str, int]]
    name: str | None = None
    country: str = "US"
    custom_data: Entity | None = None
    #: Whether the first card is declined; None leaves it to the fault plan.
    is_declined_first: bool | None = None
    #: How far the checkout gets; see ``STAGES``.
    until: str = "completed"
    #: Id or code.
    discount: str | None = None
    #: Whether it is paid by invoice; ``billed`` is then the usual end.
    is_invoice: bool = False
    terms_days: int = 30
    #: Faults by event type; ``*`` for every event.
    faults: Mapping[str, Fault] = field(default_factory=dict)
