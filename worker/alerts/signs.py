"""Signs of life side by side at one moment, and how long each has been missing."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from worker.heartbeats import BEAT, WATCHMAN, Sign, signs, watching_since
from worker.settings import Settings


@dataclass(frozen=True, slots=True)
class Signs:
    """What is known at one moment; all times are the database's."""

    now: datetime
    #: Since when somebody watches without a gap.
    began: datetime
    #: A longer silence is one too many.
    limit: timedelta
    last: Mapping[str, Sign]
    #: Subjects of which there is an open alert.
    told: frozenset[str]

    def silence_of(self, name: str, came_back: datetime | None = None) -> timedelta:
        """Return how long a sign has been missing while it could have been seen.

        Args:
            name: Of the heartbeat.
            came_back: When what it depends on came back.
        """
        floors = [came_back] if came_back else []
        if name not in {BEAT, WATCHMAN}:
            # Pulses come from beat: what it did not send could not arrive.
            floors.append(self.last[BEAT].since)
        return self.now - max(self.last[name].beat_at, self.began, *floors)

    def is_silent(
        self, name: str, subject: str | None = None, came_back: datetime | None = None
    ) -> bool:
        """Tell whether it has been silent for too long."""
        if (subject or name) in self.told:
            return self._missing(name) > self.limit
        return self.silence_of(name, came_back) > self.limit

    def are_all_silent(self, names: Collection[str], subject: str) -> bool:
        """Tell whether the first is silent for too long, and the others about to be.

        Their last signs lie a moment apart; without this the first to pass the limit
        would be taken for the only one.
        """
        known = subject in self.told
        silences = [
            self._missing(name) if known else self.silence_of(name) for name in names
        ]
        return max(silences) > self.limit and min(silences) > self.limit / 2

    def came_back(self, names: Collection[str], subject: str) -> datetime | None:
        """Return when the first of those came back that were all told of as one.

        The others get as long as anybody to follow.
        """
        if subject not in self.told:
            return None
        back = [
            self.last[name].since
            for name in names
            if self._missing(name) <= self.limit / 2
        ]
        return min(back, default=None)

    def _missing(self, name: str) -> timedelta:
        return self.now - self.last[name].beat_at


def read_signs(
    connection: Connection,
    config: Settings,
    names: Collection[str],
    told: frozenset[str],
) -> Signs:
    """Read the heartbeats.

    Args:
        connection: An open transaction.
        config: Has the limit.
        names: Of the heartbeats.
        told: Subjects of which there is an open alert.
    """
    return Signs(
        now=connection.execute(text("SELECT now()")).scalar_one(),
        began=watching_since(connection),
        limit=timedelta(seconds=config.alert_silent_seconds),
        last=signs(connection, names),
        told=told,
    )
