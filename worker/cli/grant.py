"""``paddlewheel grant`` and ``revoke``: access by hand."""

import time
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

import typer
from sqlalchemy import Connection, Engine, Row, text

from models.access import BY_HAND, GrantSource
from worker.by_hand import (
    Deed,
    Wish,
    give,
    live_grants,
    make_learner,
    take,
    told,
    until,
)
from worker.cli.database import database
from worker.cli.output import console, print_json, shown
from worker.errors import PaddlewheelError
from worker.learners import find_learner
from worker.rings import publish_ring, ringing_app
from worker.settings import settings
from worker.work_tables import ACCESS_CHANGES

#: So long a command waits for the workers.
PATIENCE_SECONDS = 5.0
LOOK_SECONDS = 0.1

_PENDING = text("""
SELECT EXISTS (SELECT FROM access_changes WHERE id = ANY(:ids) AND state = 'pending')
""")
_ENROLLMENT = text("""
SELECT a.learner_ref, a.course_key, a.has_access, a.state, a.reason, a.access_until,
       a.version
FROM course_access a JOIN learners l ON l.ref = a.learner_ref
WHERE l.id = :learner AND a.course_key = :course
""")

Name = Annotated[
    str,
    typer.Argument(
        metavar="LEARNER", help="E-mail address, learner ref, user id or customer id."
    ),
]
Course = Annotated[str, typer.Argument(metavar="COURSE", help="Key of the course.")]
Reason = Annotated[str, typer.Option(help="Why; kept on record, so no personal data.")]
Json = Annotated[bool, typer.Option("--json", help="For programs.")]


def grant(  # noqa: PLR0913 (options)
    learner: Name,
    course: Course,
    *,
    reason: Reason,
    end: Annotated[
        str | None,
        typer.Option(
            "--until",
            metavar="DATE",
            help="Its last day (in UTC), or a time with its zone; else for good.",
        ),
    ] = None,
    source: Annotated[
        str, typer.Option(help="operator, gift or free: also the reason shown.")
    ] = GrantSource.OPERATOR.value,
    create: Annotated[
        bool,
        typer.Option("--create", help="Make the learner of an address never met."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Give access by hand. No refund and no comparison with the provider takes it."""
    ends_at, given_as = end_of(end), source_of(source)
    _check_reason(reason)
    with database() as engine:
        with engine.begin() as connection:
            learner_id = _learner(connection, learner, create=create)
            wish = Wish(learner_id, course, reason.strip(), given_as, ends_at)
            deed = give(connection, wish)
        _report(engine, learner, wish, deed, as_json=as_json)


def revoke(
    learner: Name, course: Course, *, reason: Reason, as_json: Json = False
) -> None:
    """End what was given by hand, and say which access remains."""
    _check_reason(reason)
    with database() as engine:
        with engine.begin() as connection:
            wish = Wish(_learner(connection, learner), course, reason.strip())
            deed = take(connection, wish)
        _report(engine, learner, wish, deed, as_json=as_json)


def end_of(text_: str | None) -> datetime | None:
    """Return when access ends: after the day named, or at the time named.

    Raises:
        PaddlewheelError: It is neither, has no zone, or is over.
    """
    if text_ is None:
        return None
    moment = _moment(text_)
    if moment is None:
        raise PaddlewheelError(
            f"--until {text_}: write a date, 2027-01-31, or a time with its zone,"
            " 2027-01-31T12:00:00+01:00."
        )
    if moment <= datetime.now(UTC):
        raise PaddlewheelError(f"--until {text_} is over: it would give nothing.")
    return moment


def source_of(name: str) -> GrantSource:
    """Return a source by its name.

    Raises:
        PaddlewheelError: Nothing is given by hand as that.
    """
    if name not in BY_HAND:
        raise PaddlewheelError(f"--source {name}: one of {', '.join(BY_HAND)}.")
    return GrantSource(name)


def _moment(text_: str) -> datetime | None:
    try:
        day = date.fromisoformat(text_)
        # All of that day.
        return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    except (ValueError, OverflowError):
        pass
    try:
        moment = datetime.fromisoformat(text_)
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _check_reason(reason: str) -> None:
    if not reason.strip():
        raise PaddlewheelError("--reason is empty: say why, for whoever asks later.")


def _learner(connection: Connection, name: str, *, create: bool = False) -> int:
    found = find_learner(connection, name)
    if found is not None:
        return found
    if create:
        return make_learner(connection, name)
    advice = " To make one for this address, add --create." if "@" in name else ""
    raise PaddlewheelError(f"No learner is known as {name!r}.{advice}")


def _report(
    engine: Engine, name: str, wish: Wish, deed: Deed, *, as_json: bool
) -> None:
    """Ring, wait for the outcome for a while, and say it."""
    if deed.changes:
        publish_ring(ringing_app(settings()), ACCESS_CHANGES.task, deed.changes)
    settled = _settle(engine, deed)
    with engine.connect() as connection:
        parameters = {"learner": wish.learner_id, "course": wish.course_key}
        enrollment = connection.execute(_ENROLLMENT, parameters).one_or_none()
        live = live_grants(connection, wish)
    if as_json:
        print_json(_facts(deed, enrollment, live, settled=settled))
        return
    out = console()
    if not deed.changes:
        out.print(f"That was given already (action {deed.action}); nothing changed.")
    place = f"{name} and {wish.course_key}"
    out.print(shown(_outcome(place, enrollment, settled=settled)), markup=False)
    out.print(f"  Gives access: {told(live) or 'nothing'}.", markup=False)


def _settle(engine: Engine, deed: Deed) -> bool:
    """Return whether the enrollment was recomputed within our patience."""
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while True:
        with engine.connect() as connection:
            if not connection.scalar(_PENDING, {"ids": list(deed.changes)}):
                return True
        if time.monotonic() >= give_up_at:
            return False
        _pause()


def _pause() -> None:
    time.sleep(LOOK_SECONDS)


def _outcome(place: str, enrollment: Row[Any] | None, *, settled: bool) -> str:
    if not settled:
        return (
            f"{place}: written down, but no worker has carried it out yet. It follows"
            " by itself as soon as one runs (`./paddlewheel status`)."
        )
    if enrollment is None:
        return f"{place}: no access. `./paddlewheel deadletters list` may say why."
    if enrollment.has_access:
        return (
            f"{place}: access {until(enrollment.access_until)} ({enrollment.reason})."
        )
    return f"{place}: no access, {enrollment.state} ({enrollment.reason})."


def _facts(
    deed: Deed,
    enrollment: Row[Any] | None,
    live: Sequence[Row[Any]],
    *,
    settled: bool,
) -> dict[str, Any]:
    return {
        "action": deed.action,
        "changed": bool(deed.changes),
        "settled": settled,
        "enrollment": None if enrollment is None else dict(enrollment._mapping),  # noqa: SLF001 (public API)
        "grants": [dict(row._mapping) for row in live],  # noqa: SLF001
    }
