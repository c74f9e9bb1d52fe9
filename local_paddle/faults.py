"""What goes wrong on the way, by a plan: seeded, so a run can be repeated.

Transport faults hit the first attempts of a delivery and Paddle's retries mend them,
except those that lose it for good.
Extras are deliveries beside the real events: an attacker's, or a signed mistake.
"""

import random
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any, Self


class Fault(StrEnum):
    """What happens to one delivery."""

    #: The connection is cut half-way through the body: the receiver has nothing.
    DROP = "drop"
    #: The receiver's 200 is read and thrown away, so Paddle sends again.
    ANSWER_LOST = "answer_lost"
    #: Two copies at once, on two connections.
    DOUBLE = "double"
    #: One bit of the body is flipped after signing: must be refused, then retried.
    CORRUPT = "corrupt"
    #: Nothing arrives, now or ever: as if all of Paddle's retries had failed.
    LOST = "lost"


class Extra(StrEnum):
    """A delivery that is no event of ours."""

    #: A made-up event signed with a wrong secret. Never retried, must be refused.
    FORGED = "forged"
    #: A real body and a right signature, an hour old. Never retried, must be refused.
    STALE = "stale"
    #: Signed by Paddle, but no event can be read from it. Retried until answered 200.
    MALFORMED = "malformed"
    #: Signed, a good envelope, data that no recorder can take. Retried likewise.
    POISON = "poison"


class PlanError(ValueError):
    """A plan that cannot be followed; the message names the field."""


@dataclass(frozen=True)
class Fate:
    """What the plan has in store for one event."""

    fault: Fault | None = None
    hold_seconds: float = 0.0
    extras: tuple[Extra, ...] = ()


@dataclass(frozen=True)
class Plan:
    """Chances between 0 and 1 for each event; transport faults exclude each other."""

    seed: int = 0
    drop: float = 0.0
    answer_lost: float = 0.0
    double: float = 0.0
    corrupt: float = 0.0
    lost: float = 0.0
    #: How many attempts of a delivery its fault hits, from the first one on.
    times: int = 1
    #: Chance to hold an event back, and for how long at most (real seconds). Released
    #: at random, so held events overtake each other.
    hold: float = 0.0
    hold_seconds: float = 2.0
    forged: float = 0.0
    stale: float = 0.0
    malformed: float = 0.0
    poison: float = 0.0
    #: Chance that a purchase sees a declined card first.
    declined: float = field(default=0.0)

    @classmethod
    def of(cls, given: dict[str, Any]) -> Self:
        """Read a plan from JSON.

        Raises:
            PlanError: An unknown field, or a value out of range.

        """
        known = {f.name for f in fields(cls)}
        for name, value in given.items():
            if name not in known:
                message = f"{name}: unknown; a plan has {', '.join(sorted(known))}"
                raise PlanError(message)
            _check(name, value)
        plan = cls(**given)
        if sum(plan.chance(fault) for fault in Fault) > 1:
            message = "drop + answer_lost + double + corrupt + lost must not pass 1"
            raise PlanError(message)
        return plan

    def as_json(self) -> dict[str, Any]:
        """Write the plan as JSON."""
        return asdict(self)

    def chance(self, of: Fault | Extra) -> float:
        """Return the chance of a fault or an extra."""
        return float(getattr(self, of.value))

    def fate_of(self, ordinal: int) -> Fate:
        """Return what befalls the event of this ordinal; the same seed, the same fate."""
        chance = self.random_for(f"event {ordinal}")
        mark = chance.random()
        held = chance.random() < self.hold
        wait = chance.random() * self.hold_seconds if held else 0.0
        extras = tuple(e for e in Extra if chance.random() < self.chance(e))
        return Fate(self._fault_at(mark), wait, extras)

    def random_for(self, name: str) -> random.Random:
        """Return a source of chance of its own for a named decision."""
        return random.Random(f"{self.seed} {name}")  # noqa: S311 (faults, no secrets)

    def _fault_at(self, mark: float) -> Fault | None:
        for fault in Fault:
            mark -= self.chance(fault)
            if mark < 0:
                return fault
        return None


def _check(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        message = f"{name}: must be a number"
        raise PlanError(message)
    if name in {"seed", "times"}:
        if not isinstance(value, int):
            message = f"{name}: must be a whole number"
            raise PlanError(message)
    elif name != "hold_seconds" and not 0 <= value <= 1:
        message = f"{name}: must lie between 0 and 1"
        raise PlanError(message)
