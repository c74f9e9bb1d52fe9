"""How a task that worked on many rows tells Flower what became of them.

Flower shows states: SUCCESS with the counts; RETRY where some rows were put off;
FAILURE where some died. Nothing is published for either: retries live in the rows.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NoReturn

from celery.exceptions import Retry

from worker.deaths import Death


class BatchOutcome(Exception):  # noqa: N818 (shown by Flower as the retry's reason)
    """Some rows were put off; the text says how many and until when."""


class DeadLettered(Exception):  # noqa: N818 (a state of the batch, not a fault of ours)
    """Some rows died and were filed already; the text says how to look at them."""


@dataclass(slots=True)
class Tally:
    """Counts of one task run."""

    ended: Counter[str] = field(default_factory=Counter)
    put_off: int = 0
    soonest: timedelta | None = None
    #: Work table and row to dead letter id.
    letters: dict[str, int] = field(default_factory=dict)
    #: Batches that had to be split to find a bad row.
    splits: int = 0
    #: Deaths that nobody was told of yet.
    deaths: list[Death] = field(default_factory=list)

    def put_off_until(self, wait: timedelta) -> None:
        """Count a row that was put off."""
        self.put_off += 1
        self.soonest = wait if self.soonest is None else min(self.soonest, wait)

    def bury(self, subject: str, death: Death) -> None:
        """Count a row that died."""
        self.letters[subject] = death.letter
        self.deaths.append(death)

    def add(self, other: "Tally") -> None:
        """Add the counts of a part whose transaction is committed."""
        self.ended += other.ended
        self.letters |= other.letters
        self.deaths += other.deaths
        self.splits += other.splits
        self.put_off += other.put_off
        waits = [w for w in (self.soonest, other.soonest) if w is not None]
        self.soonest = min(waits, default=None)

    def sentence(self) -> str:
        """Return the counts as an operator reads them in Flower."""
        parts = [f"{count} {state}" for state, count in sorted(self.ended.items())]
        if self.put_off:
            seconds = 0 if self.soonest is None else self.soonest.total_seconds()
            parts.append(f"{self.put_off} retry in {seconds:.0f} s")
        if self.letters:
            subject, letter = next(iter(self.letters.items()))
            more = f" and {len(self.letters) - 1} more" if len(self.letters) > 1 else ""
            parts.append(
                f"{len(self.letters)} dead ({subject.replace(':', ' ')}{more}):"
                f" paddlewheel deadletters show {letter}"
            )
        return ", ".join(parts) or "nothing due"

    def conclude(self) -> str:
        """Return the counts, or raise what makes Flower show RETRY or FAILURE."""
        if self.letters:
            raise DeadLettered(self.sentence())
        if self.put_off:
            _raise_retry(self.sentence())
        return self.sentence()


def _raise_retry(sentence: str) -> NoReturn:
    # Retry without publishing: the tracer marks the task RETRY and acknowledges it.
    raise Retry(exc=BatchOutcome(sentence))
