"""Tells of rows that died: one error for each kind of death in a batch, not for each row.

Said after the commit, so that no letter is named that does not exist. A row that is put
off, stale, a duplicate, parked or ignored is no error and is not told here.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

from worker.failures import Failure
from worker.work_tables import WorkTable

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Death:
    """A row that died, and the letter about it."""

    failure: Failure
    letter: int


@contextmanager
def telling(table: WorkTable, deaths: list[Death]) -> Iterator[None]:
    """Tell at the end of a batch, however it ends, of the deaths noted meanwhile.

    Args:
        table: Where the rows are.
        deaths: Gathers what is committed; empty afterwards.
    """
    try:
        yield
    finally:
        _tell(table, deaths)
        deaths.clear()


def _tell(table: WorkTable, deaths: Iterable[Death]) -> None:
    kinds: dict[tuple[str, str], list[Death]] = defaultdict(list)
    for death in deaths:
        kinds[death.failure.error_class, death.failure.place].append(death)
    for (error_class, place), of_kind in kinds.items():
        first = of_kind[0]
        log.error(
            "rows_died",
            table=table.name,
            rows=len(of_kind),
            letter=first.letter,
            error_class=error_class,
            error=first.failure.error,
            place=place,
            exc_info=first.failure.cause,
        )
