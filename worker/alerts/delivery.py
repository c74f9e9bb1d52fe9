"""One message over several ways: in order, until one has taken it, in one time.

A service that says nothing in time may have taken the message all the same, so the time
must do for a slow one, and what is in doubt is not sent again soon.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from worker.alerts.ways import Letter, Refusal, Way, hand_over
from worker.channels.deadline import Deadline
from worker.errors import TransientError

#: One way is waited for so much longer than for all others together.
PATIENCE = 3
DOUBT_WAIT = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Delivered:
    """Which way has taken a message, and which had not."""

    way: Way
    refusals: list[Refusal] = field(default_factory=list)


class UndeliveredError(TransientError):
    """No way has taken a message; the text names each and why."""

    def __init__(self, refusals: Sequence[Refusal]) -> None:
        """Say why, and wait longer where one may have it."""
        is_doubtful = any(refusal.is_doubtful for refusal in refusals)
        wait = DOUBT_WAIT if is_doubtful else timedelta()
        super().__init__("; ".join(map(str, refusals)), wait)
        self.refusals = refusals


def deliver(
    ways: Sequence[Way], letter: Letter, deadline: Deadline, failures: int = 0
) -> Delivered:
    """Try the ways in order until one has taken the letter.

    Args:
        ways: Whom to ask.
        letter: What to tell.
        deadline: When all must be over.
        failures: How often that failed before. The first way is waited for longest,
            after a failure the second, and so on: a slow one must not lack for ever
            what a silent one before it uses up.

    Raises:
        UndeliveredError: None has.
    """
    refusals: list[Refusal] = []
    parts = shares(len(ways), failures)
    for way, share in zip(ways, parts, strict=True):
        refusal = _try(way, letter, deadline, share)
        if refusal is None:
            return Delivered(way, refusals)
        refusals.append(refusal)
    raise UndeliveredError(refusals)


def shares(ways: int, failures: int = 0) -> list[float]:
    """Return for each way which part it gets of what the ones before it have left."""
    if not ways:
        return []
    weights = [1 / max(ways - 1, 1)] * ways
    weights[failures % ways] = PATIENCE
    return [weight / sum(weights[number:]) for number, weight in enumerate(weights)]


def _try(way: Way, letter: Letter, deadline: Deadline, share: float) -> Refusal | None:
    try:
        return hand_over(way, letter, deadline.left() * share)
    except TimeoutError:
        return Refusal(way, "no time was left for it")
