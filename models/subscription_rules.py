"""Who gets access by a subscription: each item that is paid for by the period. Pure.

Days of an offer do not count here: the subscription itself says when access ends.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from models.access import AccessState, CourseKind
from models.access_rules import (
    DISPUTED,
    PAID_STATUSES,
    AdjustmentPart,
    FindingFact,
    Given,
    GrantFact,
    Line,
    end_of,
    is_disputed,
    is_refunded,
    offered,
    parts_of,
    refunded_minor,
    seats_of,
    spare_seats,
)
from models.findings import FindingKind

#: In these the seller serves.
SERVED = frozenset({"active", "trialing", "past_due"})
#: What a change that is scheduled makes of access at its date.
SCHEDULED = {"cancel": "canceled", "pause": "paused"}
PERIOD_REFUNDED = "period_refunded"
#: What adjustments of its transactions decide, and no word of the subscription's own.
BY_ADJUSTMENTS = frozenset({DISPUTED, PERIOD_REFUNDED})


@dataclass(frozen=True, slots=True)
class Item:
    """An item of a subscription, named by its price."""

    price_id: str
    #: active, inactive, trialing
    status: str
    quantity: int
    course: str | None
    #: Of that course.
    kind: CourseKind = CourseKind.COURSE


@dataclass(frozen=True, slots=True)
class Charge:
    """A transaction of a subscription, as far as access is concerned."""

    status: str
    #: It pays for the subscription's current period.
    is_current: bool
    lines: Sequence[Line]
    adjustments: Sequence[AdjustmentPart]


@dataclass(frozen=True, slots=True)
class Subscribed:
    """A source of grants: a subscription with everything that bears on access."""

    status: str
    #: Collected by invoice, which may be unpaid.
    is_manual: bool
    #: Some transaction of it was paid.
    is_paid: bool
    started_at: datetime
    #: Start of the current period, from which grace counts.
    period_starts_at: datetime
    scheduled_action: str | None
    scheduled_at: datetime | None
    items: Sequence[Item]
    #: Of the current period, and those with adjustments.
    charges: Sequence[Charge]
    user_refusal: str | None = None


class Standing(NamedTuple):
    """How a subscription stands, for all of its items."""

    state: AccessState
    cause: str
    ends_at: datetime | None = None
    ends_as: str = "expired"


def grants_of(
    subscription: Subscribed,
    given: Mapping[str, Sequence[Given]],
    made: Mapping[str, Sequence[Given]],
    grace: timedelta,
) -> list[GrantFact]:
    """Compute the grants of a subscription.

    Args:
        subscription: The source, whole.
        given: By price id, what is given today.
        made: By price id, what its existing grants were made with: they keep it.
        grace: How long access stays when a renewal fails.
    """
    standing = standing_of(subscription, grace)
    grants: list[GrantFact] = []
    for item in subscription.items:
        own = standing
        if item.status == "inactive" and standing.state is not AccessState.ENDED:
            own = Standing(AccessState.ENDED, "item_inactive")
        if own.state is AccessState.ENDED and item.price_id not in made:
            continue
        offers = made.get(item.price_id) or offered(
            item.price_id, item.course, given, item.kind
        )
        grants += [_grant(subscription, item, offer, own) for offer in offers]
    return grants


def standing_of(subscription: Subscribed, grace: timedelta) -> Standing:
    """Decide how a subscription stands: the first row of ``TABLE`` that fits."""
    for fits, standing in TABLE:
        if fits(subscription):
            return standing
    return _served(subscription, grace)


def is_waiting(subscription: Subscribed, settled: Collection[str]) -> bool:
    """Tell whether access is due while some item gives nothing, not on purpose.

    Args:
        subscription: The source, whole.
        settled: The prices that have given something, even if that is over, or give
            nothing on purpose.
    """
    due = subscription.is_paid or not subscription.is_manual
    return (
        due
        and subscription.status in SERVED
        and any(
            item.price_id not in settled and item.status != "inactive"
            for item in subscription.items
        )
    )


def findings_of(
    subscription: Subscribed, facts: Sequence[GrantFact]
) -> list[FindingFact]:
    """Return what of a subscription a person should look at.

    Args:
        subscription: The source, whole.
        facts: What ``grants_of`` made of it.
    """
    found = []
    if subscription.status in SERVED:
        found += _given_back(subscription)
    quantities = {item.price_id: item.quantity for item in subscription.items}
    spare = spare_seats(quantities, facts)
    if spare:
        detail = {"seats": spare}
        found.append(FindingFact(FindingKind.SEATS_WITHOUT_LEARNER, None, detail))
    if subscription.user_refusal:
        refusal = {"refusal": subscription.user_refusal}
        found.append(FindingFact(FindingKind.LEARNER_NOT_BELIEVED, None, refusal))
    return found


def is_period_refunded(subscription: Subscribed) -> bool:
    """Tell whether all that was paid for the current period went back."""
    paid = _paid_lines(subscription)
    return bool(paid) and all(is_refunded(line, parts) for line, parts in paid)


def _given_back(subscription: Subscribed) -> list[FindingFact]:
    back = sum(refunded_minor(parts) for _, parts in _paid_lines(subscription))
    if is_period_refunded(subscription):
        return [FindingFact(FindingKind.PERIOD_REFUNDED, back)]
    return [FindingFact(FindingKind.PARTIAL_REFUND, back)] if back else []


def _paid_lines(
    subscription: Subscribed,
) -> list[tuple[Line, Sequence[AdjustmentPart]]]:
    """Return what was paid for the current period, and what adjustments say of it."""
    return [
        (line, parts_of(line, charge.adjustments))
        for charge in subscription.charges
        if charge.is_current and charge.status in PAID_STATUSES
        for line in charge.lines
        if (line.recurring or line.prorated) and line.total_minor > 0
    ]


def _is_disputed(subscription: Subscribed) -> bool:
    """Tell whether a dispute stands on any charge; each line has its own."""
    return any(
        is_disputed([part for part in charge.adjustments if part.line_id == line_id])
        for charge in subscription.charges
        for line_id in {part.line_id for part in charge.adjustments}
    )


#: When a subscription does not simply give access, and what it gives then.
TABLE: tuple[tuple[Callable[[Subscribed], bool], Standing], ...] = (
    (lambda s: s.status == "canceled", Standing(AccessState.ENDED, "canceled")),
    (lambda s: s.is_manual and not s.is_paid, Standing(AccessState.ENDED, "unpaid")),
    (_is_disputed, Standing(AccessState.SUSPENDED, DISPUTED)),
    (is_period_refunded, Standing(AccessState.SUSPENDED, PERIOD_REFUNDED)),
    (lambda s: s.status == "paused", Standing(AccessState.SUSPENDED, "paused")),
    (
        lambda s: s.status not in SERVED,
        Standing(AccessState.SUSPENDED, "unknown_status"),
    ),
)


def _served(subscription: Subscribed, grace: timedelta) -> Standing:
    ends = []
    if subscription.status == "past_due":
        ends.append((end_of(subscription.period_starts_at, grace), "past_due"))
    scheduled = SCHEDULED.get(subscription.scheduled_action or "")
    if scheduled and subscription.scheduled_at:
        ends.append((subscription.scheduled_at, scheduled))
    ends_at, ends_as = min(ends) if ends else (None, "expired")
    cause = "subscribed" if subscription.status == "active" else subscription.status
    return Standing(AccessState.ACTIVE, cause, ends_at, ends_as)


def _grant(
    subscription: Subscribed, item: Item, offer: Given, standing: Standing
) -> GrantFact:
    return GrantFact(
        line_id=item.price_id,
        course_key=offer.course_key,
        offer_id=offer.offer_id,
        state=standing.state,
        cause=standing.cause,
        starts_at=subscription.started_at,
        ends_at=standing.ends_at,
        ends_as=standing.ends_as,
        seats=seats_of(item.quantity, CourseKind(offer.kind)),
    )
