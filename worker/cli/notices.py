"""``paddlewheel notifications list`` and ``show``: who was told what, or why not."""

from typing import Annotated, Any

import typer
from sqlalchemy import Connection, Row, text

from models.notices import ChannelName, NoticeKind
from models.outgoing import NotificationState
from worker.cli.database import transaction
from worker.cli.output import console, print_json, print_table, shown
from worker.errors import PaddlewheelError
from worker.learners import find_learner
from worker.lifecycle import Ending
from worker.notices.addresses import address_of
from worker.notices.kinds import KINDS
from worker.notices.masking import masked
from worker.notices.resending import RESENDABLE
from worker.notices.suppressing import suppressed
from worker.settings import settings

MOST_LISTED = 200
Json = Annotated[bool, typer.Option("--json", help="For programs.")]

_LIST = text("""
SELECT n.id, n.state, n.kind, n.channel, l.ref AS learner,
       coalesce(n.finished_at, n.pending_since) AS since,
       coalesce(n.reason, n.last_error) AS said
FROM notifications n JOIN learners l ON l.id = n.learner_id
WHERE (CAST(:state AS text) IS NULL OR n.state = :state)
  AND (CAST(:kind AS text) IS NULL OR n.kind = :kind)
  AND (CAST(:channel AS text) IS NULL OR n.channel = :channel)
  AND (CAST(:learner AS bigint) IS NULL OR n.learner_id IN (
    SELECT CAST(:learner AS bigint) UNION ALL
    SELECT same.id FROM learners same WHERE same.merged_into = :learner))
ORDER BY n.id DESC LIMIT :most
""")
_ONE = text("""
SELECT n.*, l.ref, l.email, e.course_key, h.cause_kind, h.cause_ref,
       (SELECT d.id FROM dead_letters d
        WHERE d.work_table = 'notifications' AND d.row_id = n.id
        ORDER BY d.id DESC LIMIT 1) AS letter
FROM notifications n
JOIN learners l ON l.id = n.learner_id
LEFT JOIN enrollments e ON e.id = n.enrollment_id
LEFT JOIN enrollment_history h
  ON h.enrollment_id = n.enrollment_id AND h.version = n.version
WHERE n.id = :id
""")
_ATTEMPTS = text("""
SELECT number, failed_at, worker, error_class, error FROM attempts
WHERE work_table = 'notifications' AND row_id = :id ORDER BY id DESC LIMIT 20
""")


def list_notices(
    *,
    state: Annotated[NotificationState | None, typer.Option()] = None,
    kind: Annotated[NoticeKind | None, typer.Option()] = None,
    channel: Annotated[ChannelName | None, typer.Option()] = None,
    learner: Annotated[
        str | None, typer.Option(help="Reference, user, customer or address.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List messages, newest first."""
    wanted = {"state": state, "kind": kind, "channel": channel, "most": MOST_LISTED + 1}
    with transaction() as connection:
        whose = None if learner is None else _learner(connection, learner)
        found = connection.execute(_LIST, {**wanted, "learner": whose}).all()
    rows, is_cut = found[:MOST_LISTED], len(found) > MOST_LISTED
    if as_json:
        listed = [dict(row._mapping) for row in rows]  # noqa: SLF001 (public API)
        print_json({"messages": listed, "is_cut": is_cut})
        return
    print_table(
        "Messages" if rows else "No messages",
        ("message", "state", "what, to whom", "since", "said"),
        [_listed(row) for row in rows],
    )
    if is_cut:
        console().print(f"  Only the newest {MOST_LISTED} are listed; there are more.")
    if rows:
        console().print(f"  ./paddlewheel notifications show {rows[0].id}")


def show_notice(
    message: Annotated[int, typer.Argument(help="Its number, as listed.")],
    *,
    personal: Annotated[
        bool, typer.Option("--personal", help="With the whole address.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show a message: what it says to whom, why, and what became of it."""
    with transaction() as connection:
        row = connection.execute(_ONE, {"id": message}).one_or_none()
        if row is None:
            raise PaddlewheelError(f"There is no message {message}.")
        to, why_not = _address(connection, row, personal=personal)
        attempts = connection.execute(_ATTEMPTS, {"id": message}).all()
    facts = {**_facts(row), "to": to, "suppressed": why_not}
    if as_json:
        made = [dict(one._mapping) for one in attempts]  # noqa: SLF001 (public API)
        print_json({**facts, "attempts_made": made})
        return
    _print(facts, attempts)


def _learner(connection: Connection, name: str) -> int:
    found = find_learner(connection, name)
    if found is None:
        raise PaddlewheelError("There is no such learner.")
    return found


def _listed(row: Row[Any]) -> tuple[object, ...]:
    what = f"{row.kind} ({row.channel})\n{row.learner}"
    return row.id, row.state, what, row.since, row.said


def _address(
    connection: Connection, row: Row[Any], *, personal: bool
) -> tuple[str | None, str | None]:
    """Return where it goes as it would now, and why nothing is sent there."""
    if row.channel not in set(ChannelName):
        return None, None
    channel, learner = ChannelName(row.channel), (row.learner_id, row.email)
    address = address_of(connection, channel, learner, settings())
    if isinstance(address, Ending):
        return None, None
    told = address if personal else masked(address)
    return told, suppressed(connection, channel, address)


def _facts(row: Row[Any]) -> dict[str, object]:
    about = row.subject_id or f"enrollment {row.enrollment_id}, {row.course_key}"
    change = KINDS[NoticeKind(row.kind)].change if row.kind in KINDS else None
    return {
        "message": row.id,
        "kind": row.kind,
        "sent when": change,
        "about": about,
        "version": row.version,
        "cause": f"{row.cause_kind} {row.cause_ref}" if row.cause_ref else None,
        "learner": row.ref,
        "channel": row.channel,
        "key": row.key,
        "message id": row.message_id,
        "state": row.state,
        "reason": row.reason,
        "last error": row.last_error,
        "attempts": row.attempts,
        "made at": row.created_at,
        "pending since": row.pending_since,
        "next attempt": row.next_attempt_at if row.state == "pending" else None,
        "ended at": row.finished_at,
        "dead letter": row.letter,
    }


def _print(facts: dict[str, object], attempts: Any) -> None:  # noqa: ANN401 (rows)
    out = console()
    for name, value in facts.items():
        if value is not None:
            out.print(f"{name:14} {shown(value)}", markup=False, soft_wrap=True)
    if attempts:
        columns = ("attempt", "failed", "worker", "error")
        rows = [
            (a.number, a.failed_at, a.worker, f"{a.error_class}: {a.error}")
            for a in attempts
        ]
        print_table("Attempts", columns, rows)
    if facts["state"] in RESENDABLE:
        command = f"./paddlewheel notifications resend {facts['message']}"
        out.print(f"  {command} --reason '…'", markup=False)
