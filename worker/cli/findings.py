"""``paddlewheel findings``: what no machine may decide."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from sqlalchemy import Connection, Row, text

from models.findings import FindingKind, FindingState
from worker.audit import audit
from worker.cli.database import transaction
from worker.cli.output import console, print_json, print_table, shown
from worker.errors import PaddlewheelError
from worker.finding_words import SENTENCES
from worker.money import money

MOST_LISTED = 200
group = typer.Typer(help="What a person must look at.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="For programs.")]
Number = Annotated[int, typer.Argument(metavar="ID", help="As `list` shows it.")]

_FINDING = """
SELECT f.id, f.kind, f.state, f.subject, l.ref AS learner_ref, f.currency,
       f.amount_minor, f.detail, f.found_at, f.seen_at, f.times, f.closed_at
FROM findings f LEFT JOIN learners l ON l.id = f.learner_id
"""
_LIST = text(f"""
{_FINDING}
WHERE (:all OR f.state = 'open') AND (CAST(:kind AS text) IS NULL OR f.kind = :kind)
ORDER BY f.id DESC LIMIT :most
""")
_ONE = text(f"{_FINDING} WHERE f.id = :id")
_ACTIONS = text("""
SELECT actor, detail->>'reason' AS reason, done_at FROM operator_actions
WHERE action = 'finding accepted' AND target = :target ORDER BY id
""")
_LOCK = text("SELECT kind, subject, state FROM findings WHERE id = :id FOR UPDATE")
_ACCEPT = text("""
UPDATE findings SET state = 'accepted', closed_at = now() WHERE id = :id
""")


@group.command("list")
def list_findings(
    *,
    kind: Annotated[
        FindingKind | None, typer.Option(help="Only those of a kind.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Cleared and accepted ones too.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List what was found, newest first."""
    wanted = {"all": everything, "kind": kind and kind.value, "most": MOST_LISTED}
    with transaction() as connection:
        rows = connection.execute(_LIST, wanted).all()
    if as_json:
        print_json([dict(row._mapping) for row in rows])  # noqa: SLF001 (public API)
        return
    print_table(
        "Findings" if rows else "No findings",
        ("", "what", "about", "amount", "seen"),
        [
            (
                row.id,
                row.kind if row.state == FindingState.OPEN else _kind_and_state(row),
                row.subject,
                _amount(row),
                _seen(row),
            )
            for row in rows
        ],
    )
    if rows:
        console().print(f"  ./paddlewheel findings show {rows[0].id}")


@group.command()
def show(finding: Number, *, as_json: Json = False) -> None:
    """Show what was found, what it means, and what to do about it."""
    with transaction() as connection:
        found = _finding(connection, finding)
        target = {"target": _target(finding)}
        actions = connection.execute(_ACTIONS, target).all()
    meaning = _meaning(found.kind)
    if as_json:
        accepted = [dict(row._mapping) for row in actions]  # noqa: SLF001
        facts = dict(found._mapping)  # noqa: SLF001
        print_json({**facts, "meaning": meaning, "accepted": accepted})
        return
    out = console()
    out.print(f"{meaning}\n", markup=False)
    for name, value in _facts(found, actions):
        out.print(f"  {name:12} {shown(value)}", markup=False, soft_wrap=True)
    if found.state == FindingState.OPEN:
        out.print(f"\n  ./paddlewheel findings close {finding} --reason …")


@group.command("accept", hidden=True)
@group.command("close")
def accept(
    finding: Number,
    *,
    reason: Annotated[
        str, typer.Option(help="Why; kept on record, so no personal data.")
    ],
) -> None:
    """Say that it may stay so. It comes back if it says something else."""
    if not reason.strip():
        raise PaddlewheelError("--reason is empty: say why, for whoever asks later.")
    with transaction() as connection:
        found = connection.execute(_LOCK, {"id": finding}).one_or_none()
        if found is None:
            raise _unknown(finding)
        if found.state != FindingState.OPEN:
            raise PaddlewheelError(
                f"Finding {finding} is not open: it is {found.state}."
            )
        detail = {
            "reason": reason.strip(),
            "kind": found.kind,
            "subject": found.subject,
        }
        audit(connection, "finding accepted", _target(finding), detail)
        connection.execute(_ACCEPT, {"id": finding})
    console().print(f"Finding {finding} is accepted.")


def _finding(connection: Connection, finding: int) -> Row[Any]:
    found = connection.execute(_ONE, {"id": finding}).one_or_none()
    if found is None:
        raise _unknown(finding)
    return found


def _unknown(finding: int) -> PaddlewheelError:
    return PaddlewheelError(
        f"There is no finding {finding}. `./paddlewheel findings list` has them."
    )


def _target(finding: int) -> str:
    return f"finding {finding}"


def _meaning(kind: str) -> str:
    sentences = {known.value: sentence for known, sentence in SENTENCES.items()}
    return sentences.get(kind, f"{kind}: found by another release than this one.")


def _kind_and_state(found: Row[Any]) -> str:
    return f"{found.kind}, {found.state}"


def _seen(found: Row[Any]) -> str:
    """Return when it was first seen, and when last if that was more than once."""
    first = f"{found.found_at:%Y-%m-%d}"
    if found.times == 1:
        return first
    return f"{first}\n{found.seen_at:%Y-%m-%d} ({found.times})"


def _amount(found: Row[Any]) -> str | None:
    if found.amount_minor is None or found.currency is None:
        return None
    return money(found.amount_minor, found.currency)


def _facts(found: Row[Any], actions: Sequence[Row[Any]]) -> list[tuple[str, Any]]:
    details = [
        (name, ", ".join(map(str, value)) if isinstance(value, list) else value)
        for name, value in (found.detail or {}).items()
    ]
    accepted = [
        ("accepted", f"{shown(row.done_at)} by {row.actor}: {row.reason}")
        for row in actions
    ]
    return [
        ("finding", found.id),
        ("kind", found.kind),
        ("state", found.state),
        ("about", found.subject),
        ("learner", found.learner_ref),
        ("amount", _amount(found)),
        *details,
        ("since", found.found_at),
        ("last seen", found.seen_at),
        ("times", found.times),
        ("closed", found.closed_at),
        *accepted,
    ]
