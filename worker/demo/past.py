"""What the shop has behind it: all stories at the same time, day by day up to today.

The local Paddle's clock begins in the past and is moved from deed to deed; renewals,
dunning and whatever was scheduled happen on the way. Its deliveries come now, as fast
as they can, in no order: a receiver that was away for a season would see the same.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta

from worker.demo import buyers, subscribers, users
from worker.demo.cast import Buyer, Cast
from worker.demo.subscribers import Story

#: How many days before today the shop opens.
DAYS = 76
STORIES = (*subscribers.STORIES, *buyers.STORIES, *users.STORIES)
#: What a person has to look at afterwards.
FINDINGS = frozenset(
    {
        "bought_again",
        "learner_not_believed",
        "partial_refund",
        "period_refunded",
        "seats_without_learner",
        "two_users",
    }
)


def open_shop(cast: Cast, today: datetime) -> None:
    """Let the shop begin, with nothing sold; ``today`` is when its past is over."""
    cast.now = today - timedelta(days=DAYS)
    cast.shop.post("begin", {"at": cast.now.isoformat()})


def live_through(
    cast: Cast,
    today: datetime,
    step: Callable[[float], None] = lambda _: None,
    beside: Iterable[Story] = (),
) -> None:
    """Play all stories, up to the present moment.

    Args:
        cast: The shop, just opened.
        today: As it was opened for.
        step: Called with how many days have passed since then.
        beside: Stories of nobody who buys.

    Raises:
        ControlError: The local Paddle refused something.
    """
    stories = [*beside, *_stories(cast)]
    waiting = [(-next(story), number, story) for number, story in enumerate(stories)]
    heapq.heapify(waiting)
    while waiting:
        days, number, story = heapq.heappop(waiting)
        _pass_time(cast, today + timedelta(days=days))
        if (goes_on := next(story, None)) is not None:
            heapq.heappush(waiting, (-goes_on, number, story))
        step(DAYS + days)
    _pass_time(cast, datetime.now(UTC))
    step(DAYS)


def _stories(cast: Cast) -> Iterator[Story]:
    for tell in STORIES:
        name = tell.__name__.replace("_", "-")
        yield tell(Buyer(cast, f"{name}@example.com"))


def _pass_time(cast: Cast, to: datetime) -> None:
    # Meanwhile its clock goes on: what happens at one time needs no second push.
    if to > cast.now:
        cast.now = to
        cast.shop.advance(to=to.isoformat())
