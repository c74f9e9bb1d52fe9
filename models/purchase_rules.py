"""Who gets access by a purchase: each line that is bought once and for all. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from models.access import AccessState, CourseKind
from models.access_rules import (
    DISPUTED,
    LIVE_STATUSES,
    PAID_STATUSES,
    REFUNDED,
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


@dataclass(frozen=True, slots=True)
class Purchase:
    """A source of grants: a transaction with everything that bears on access."""

    status: str
    #: When the money came in: the first captured payment, else the billing date.
    started_at: datetime
    lines: Sequence[Line]
    adjustments: Sequence[AdjustmentPart]
    #: Why the user id it came with was not believed; None: it was, or there is none.
    user_refusal: str | None = None

    @property
    def own_lines(self) -> list[Line]:
        """The lines that give access themselves; the rest is a subscription's."""
        return [ln for ln in self.lines if not ln.recurring and not ln.prorated]


def grants_of(
    purchase: Purchase,
    given: Mapping[str, Sequence[Given]],
    made: Mapping[str, Sequence[Given]],
    access_from: str = "completed",
) -> list[GrantFact]:
    """Compute the grants of a purchase.

    Args:
        purchase: The source, whole.
        given: By price id, what is given today.
        made: By line id, what its existing grants were made with: they keep it.
        access_from: The setting of that name.
    """
    grants: list[GrantFact] = []
    for line in purchase.own_lines:
        live = purchase.status in LIVE_STATUSES[access_from]
        if not live and line.id not in made:
            continue
        state, cause = _standing(purchase, line, live=live)
        offers = made.get(line.id) or offered(
            line.price_id, line.course, given, line.kind
        )
        grants += [_grant(purchase, line, offer, state, cause) for offer in offers]
    return grants


def is_waiting(purchase: Purchase, settled: Collection[str]) -> bool:
    """Tell whether money is in while some line gives nothing, not on purpose.

    Args:
        purchase: The source, whole.
        settled: Ids of the lines that have given something, even if that is over, or
            whose price gives nothing on purpose.
    """
    return purchase.status in PAID_STATUSES and any(
        line.id not in settled
        and not is_refunded(line, parts_of(line, purchase.adjustments))
        for line in purchase.own_lines
    )


def findings_of(purchase: Purchase, facts: Sequence[GrantFact]) -> list[FindingFact]:
    """Return what of a purchase a person should look at.

    Args:
        purchase: The source, whole.
        facts: What ``grants_of`` made of it.
    """
    if purchase.status not in PAID_STATUSES:
        return []
    found = []
    partly = _partly_refunded(purchase)
    if partly:
        found.append(FindingFact(FindingKind.PARTIAL_REFUND, sum(partly.values())))
    own_lines = purchase.own_lines
    seats = spare_seats({line.id: line.quantity for line in own_lines}, facts)
    if seats:
        spare = {"seats": seats}
        found.append(FindingFact(FindingKind.SEATS_WITHOUT_LEARNER, None, spare))
    # Of a subscription's charge the subscription tells it, once and not every month.
    if purchase.user_refusal and own_lines:
        refusal = {"refusal": purchase.user_refusal}
        found.append(FindingFact(FindingKind.LEARNER_NOT_BELIEVED, None, refusal))
    return found


def _partly_refunded(purchase: Purchase) -> dict[str, int]:
    refunds = {
        line.id: refunded_minor(parts_of(line, purchase.adjustments))
        for line in purchase.own_lines
    }
    totals = {line.id: line.total_minor for line in purchase.own_lines}
    return {line: sum_ for line, sum_ in refunds.items() if 0 < sum_ < totals[line]}


def _standing(purchase: Purchase, line: Line, *, live: bool) -> tuple[AccessState, str]:
    parts = parts_of(line, purchase.adjustments)
    if is_refunded(line, parts):
        return AccessState.ENDED, REFUNDED
    if not live:
        return AccessState.ENDED, purchase.status
    if is_disputed(parts):
        return AccessState.SUSPENDED, DISPUTED
    return AccessState.ACTIVE, "purchased"


def _grant(
    purchase: Purchase, line: Line, offer: Given, state: AccessState, cause: str
) -> GrantFact:
    starts_at = purchase.started_at
    return GrantFact(
        line_id=line.id,
        course_key=offer.course_key,
        offer_id=offer.offer_id,
        state=state,
        cause=cause,
        starts_at=starts_at,
        ends_at=None
        if offer.days is None
        else end_of(starts_at, timedelta(days=offer.days)),
        seats=seats_of(line.quantity, CourseKind(offer.kind)),
    )
