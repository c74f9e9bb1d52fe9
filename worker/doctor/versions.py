"""What a broker's version number says: known holes, what we need, what is still mended.

By the number alone: a distribution may have mended what its number does not tell. The
list is as old as this release; its sources:
https://github.com/docker-library/official-images/pull/20011 (Redis, 2025-10-03) and
/21922 (2026-07-24), https://github.com/valkey-io/valkey/releases, NVD for CVE-2026-21863
and CVE-2026-27623, https://www.rabbitmq.com/release-information.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from worker.doctor.check import Verdict, broken, look, ok

Version = tuple[int, ...]

#: What kombu 5.7 needs.
LEAST_REDIS = (6, 2)
#: The first whose quorum queues know a limit of deliveries.
LEAST_RABBITMQ = (3, 8)
#: Older series of RabbitMQ get no free patches since this day at the latest.
OLDEST_MENDED = (4, 2)
MENDED_UNTIL = "2026-01-30"
UPDATE = "bring the broker to the newest patch release of a supported series"


@dataclass(frozen=True, slots=True)
class Hole:
    """Something known that a newer release has mended."""

    name: str
    #: When it was made known.
    on: str
    #: Who may do what.
    words: str
    #: By product the first release of each line that has it mended, oldest line first.
    #: A line that is not among them has it if it is older than the last of them.
    mended: Mapping[str, tuple[Version, ...]]
    #: The first release that has it.
    since: Version = ()

    def is_in(self, kind: str, version: Version) -> bool:
        """Tell whether a release has it."""
        mended = self.mended.get(kind)
        if mended is None or version < self.since:
            return False
        of_line = [one for one in mended if one[:2] == version[:2]]
        return version < (of_line or mended[-1:])[0]


HOLES = (
    Hole(
        "CVE-2025-49844",
        "2025-10-03",
        "who may run scripts can run anything",
        {
            "redis": ((6, 2, 20), (7, 2, 11), (7, 4, 6), (8, 0, 4), (8, 2, 2)),
            "valkey": ((7, 2, 11), (8, 0, 6), (8, 1, 4)),
        },
    ),
    Hole(
        "CVE-2026-21863",
        "2026-02-23",
        "who reaches the cluster's port can end it",
        {"valkey": ((7, 2, 12), (8, 0, 7), (8, 1, 6), (9, 0, 2))},
    ),
    Hole(
        "CVE-2026-27623",
        "2026-02-23",
        "who reaches it can end it without a password",
        {"valkey": ((9, 0, 3),)},
        since=(9, 0, 0),
    ),
    Hole(
        "CVE-2026-23479",
        "2026-05-05",
        "who has a password can run anything",
        {"valkey": ((7, 2, 13), (8, 0, 8), (8, 1, 7), (9, 0, 4))},
    ),
    Hole(
        "CVE-2026-63639",
        "2026-07-21",
        "who has a password can run anything",
        {"valkey": ((7, 2, 14), (8, 0, 10), (8, 1, 9), (9, 0, 5), (9, 1, 1))},
    ),
    Hole(
        "Redis' urgent release",
        "2026-07-24",
        "who has a password can run anything",
        {
            "redis": (
                (6, 2, 23),
                (7, 2, 15),
                (7, 4, 10),
                (8, 2, 8),
                (8, 4, 5),
                (8, 6, 5),
                (8, 8, 1),
            )
        },
    ),
)


def version_of(said: str) -> Version:
    """Read a version number: of ``3.13.0-rc.1`` what stands before the hyphen."""
    parts = said.split("-", maxsplit=1)[0].split(".")
    return tuple(int(part) for part in parts if part.isdigit())


def judged(kind: str, version: Version) -> Iterable[Verdict]:
    """Judge the version of a Redis or Valkey."""
    title = f"{kind.capitalize()} {'.'.join(map(str, version))}"
    if kind == "redis" and version < LEAST_REDIS:
        words = f"{title} is older than 6.2, which kombu needs."
        yield broken(words, "move the broker to a newer Redis or Valkey")
    elif found := [hole for hole in HOLES if hole.is_in(kind, version)]:
        named = "; ".join(f"{one.name} of {one.on}: {one.words}" for one in found)
        words = (
            f"{title} has known holes by its number, unless your distribution has"
            f" mended them ({named})."
        )
        yield look(words, UPDATE)
    else:
        yield ok(title)


def judged_rabbitmq(said: str) -> Iterable[Verdict]:
    """Judge the version of a RabbitMQ."""
    version = version_of(said)
    if version < LEAST_RABBITMQ:
        words = f"RabbitMQ {said} knows no quorum queues with a limit of deliveries."
        yield broken(words, "move the broker to a newer RabbitMQ")
    elif version < OLDEST_MENDED:
        words = (
            f"RabbitMQ {said} is of a series that gets no free patches since"
            f" {MENDED_UNTIL} or longer, unless your distribution mends it."
        )
        yield look(words, UPDATE)
    else:
        yield ok(f"RabbitMQ {said}; of its holes nothing is known here")
