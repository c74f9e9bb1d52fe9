"""What a run that is pending does, where somebody asks for one of its kind."""

from datetime import UTC, datetime

from sqlalchemy import Connection, text

from models.reconciliation import RunKind, RunScope
from worker.reconciliation.last import What

_PENDING = text("""
SELECT id, since, mails FROM reconciliation_runs
WHERE provider = :provider AND kind = :kind AND scope = :scope AND state = 'pending'
""")


def unlike(
    connection: Connection, what: What, since: datetime | None, *, mails: bool
) -> str:
    """Return why the run that is pending does not do what is asked; empty: it does.

    Args:
        connection: Where to look.
        what: The kind of run.
        since: How far back it is asked to look; None: no bound was named.
        mails: Whether learners are to be told.
    """
    given = {"provider": what.provider, "kind": what.kind, "scope": what.scope}
    run = connection.execute(_PENDING, given).one_or_none()
    if run is None:
        return ""
    does = []
    if since is not None and not _reaches(what, run.since, since):
        back = f"to {_moment(run.since)}" if run.since else _unbound(what)
        does.append(f"looks back {back}, not to {_moment(since)}")
    if run.mails != mails:
        does.append("tells learners by mail" if run.mails else "sends no mails")
    if not does:
        return ""
    return (
        f"Run {run.id} ({what.kind}, {what.scope}) is pending and {' and '.join(does)}."
        " It is left as it is: ask again when it has ended"
        " (./paddlewheel reconcile runs)."
    )


def _reaches(what: What, pending: datetime | None, since: datetime) -> bool:
    """Tell whether a run looks as far back; a backfill also no further."""
    if pending is None:
        return what.kind is not RunKind.EVENTS
    return pending == since or (what.scope is RunScope.RECENT and pending < since)


def _unbound(what: What) -> str:
    return "to its cursor" if what.kind is RunKind.EVENTS else "as far as there is any"


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M}"
