"""Days of an offer and of grace: 24 hours each, whatever the clocks on walls do."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from models.access import AccessState
from models.access_rules import Given, Line, end_of
from models.enrollment_rules import LiveGrant, access_of, recheck_at
from models.purchase_rules import Purchase
from models.purchase_rules import grants_of as grants_of_purchase
from models.subscription_rules import Item, Subscribed
from models.subscription_rules import grants_of as grants_of_subscription
from tests.zones import JUMPS

DAYS = 3
LENGTH = timedelta(days=DAYS)
#: Days that have the jump in their middle, right after their start, and at it.
AROUND = (timedelta(hours=-40), timedelta(minutes=-1), timedelta(0))
EVERYWHERE = [(zone, before) for zone in JUMPS for before in AROUND]


def started(zone: str, before: timedelta) -> tuple[datetime, datetime]:
    """Return a moment near a jump, in UTC and as somebody there tells it."""
    moment = JUMPS[zone] + before
    return moment, moment.astimezone(ZoneInfo(zone))


def bought(at: datetime) -> datetime | None:
    line = Line(
        "line_1", "pri_1", recurring=False, prorated=False, total_minor=100, course=None
    )
    (grant,) = grants_of_purchase(
        Purchase("completed", at, [line], []), {"pri_1": [Given("c", DAYS, 1)]}, {}
    )
    return grant.ends_at


def owed(at: datetime) -> datetime | None:
    whole = Subscribed(
        status="past_due",
        is_manual=False,
        is_paid=True,
        started_at=at,
        period_starts_at=at,
        scheduled_action=None,
        scheduled_at=None,
        items=[Item("pri_1", "active", 1, None)],
        charges=[],
    )
    given = {"pri_1": [Given("c", None, 1)]}
    (grant,) = grants_of_subscription(whole, given, {}, LENGTH)
    return grant.ends_at


@pytest.mark.parametrize("zone", JUMPS)
def test_clocks_do_jump_there(zone: str) -> None:
    at = JUMPS[zone]
    offsets = {
        (at + timedelta(minutes=m)).astimezone(ZoneInfo(zone)).utcoffset()
        for m in (-1, 1)
    }

    assert len(offsets) == 2


@pytest.mark.parametrize(("zone", "before"), EVERYWHERE)
def test_an_end_is_the_same_wherever_its_start_was_told(
    zone: str, before: timedelta
) -> None:
    moment, told = started(zone, before)

    assert bought(told) == bought(moment) == moment + LENGTH
    assert owed(told) == owed(moment) == moment + LENGTH


@pytest.mark.parametrize(("zone", "before"), EVERYWHERE)
def test_access_ends_at_that_moment_by_anybodys_clock(
    zone: str, before: timedelta
) -> None:
    _, told = started(zone, before)
    ends_at = end_of(told, LENGTH)
    grant = LiveGrant(AccessState.ACTIVE, "purchased", ends_at)
    for clock in (UTC, ZoneInfo(zone)):
        at_end = ends_at.astimezone(clock)
        just_before = (ends_at - timedelta(microseconds=1)).astimezone(clock)

        assert access_of([grant], just_before).state is AccessState.ACTIVE
        assert access_of([grant], at_end).state is AccessState.ENDED
        assert recheck_at([grant], just_before) == ends_at
