"""``paddlewheel alerts``: what a person must know, and who knows it."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

import typer
from sqlalchemy import Row

from worker.alerts import operator
from worker.alerts.conditions import BY_KIND
from worker.alerts.digest import digest_of
from worker.alerts.digest_words import words
from worker.alerts.operator import OperatorError
from worker.cli.alert_page import page_of, print_page
from worker.cli.alerts_test import test
from worker.cli.database import transaction
from worker.cli.output import age, console, print_json, print_table, shown
from worker.settings import settings

MOST_LISTED = 200

group = typer.Typer(help="What a person must know.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="For programs.")]


@group.command("list")
def list_alerts(
    *,
    everything: Annotated[bool, typer.Option("--all", help="Over ones too.")] = False,
    as_json: Json = False,
) -> None:
    """List alerts, open ones first, the worst at the top."""
    with transaction() as connection:
        rows = operator.alerts(connection, everything=everything, most=MOST_LISTED)
    if as_json:
        print_json([dict(row._mapping) for row in rows])  # noqa: SLF001 (public API)
        return
    print_table(
        "Alerts" if rows else "No alerts",
        ("alert", "what", "lasts", "who knows"),
        [_line(row) for row in rows],
    )
    if rows:
        console().print(f"  ./paddlewheel alerts show {rows[0].id}")


@group.command()
def show(alert: int, *, as_json: Json = False) -> None:
    """Show an alert: its life, whom it touches, what to type next, what was told."""
    with transaction() as connection:
        page = page_of(connection, alert, settings())
    if as_json:
        print_json(page.as_json())
    else:
        print_page(page)


@group.command()
def ack(
    alert: int,
    *,
    note: Annotated[str, typer.Option(help="For the record.")] = "",
) -> None:
    """Say that you know: no more reminders, only the word that it is over."""
    with transaction() as connection:
        acked = operator.ack(connection, alert, note)
    when = f"{shown(acked.by)}, {shown(acked.at)} UTC"
    if acked.before:
        console().print(f"Alert {alert} was acked already, by {when}.", markup=False)
    else:
        console().print(
            f"Alert {alert} is acked by {when}. You hear of it when it gets worse or"
            " is over.",
            markup=False,
        )


@group.command()
def silence(
    target: Annotated[
        str | None,
        typer.Argument(metavar="ALERT|KIND|all", help="What you will not hear of."),
    ] = None,
    *,
    span: Annotated[
        str | None, typer.Option("--for", metavar="2h", help="30m, 2h or 1d.")
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Why, for the others.")] = None,
    listed: Annotated[
        bool, typer.Option("--list", help="What is silenced now.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Tell nobody of something for a while; alerts open and end as ever."""
    if listed:
        _list_silences(as_json=as_json)
        return
    if target is None or span is None or not (reason or "").strip():
        example = "./paddlewheel alerts silence 17 --for 2h --reason 'being repaired'"
        raise OperatorError(f"Say what, for how long and why: {example}")
    with transaction() as connection:
        lasting = operator.duration_of(span)
        made = operator.silence(connection, target, lasting, str(reason), BY_KIND)
    if as_json:
        print_json(dict(made._mapping))  # noqa: SLF001 (public API)
        return
    console().print(
        f"Silence {made.id}: nobody is told of {shown(made.target)} until"
        f" {shown(made.until)} UTC.\n  ./paddlewheel alerts unsilence {made.id}",
        markup=False,
    )


@group.command()
def unsilence(silence: int) -> None:
    """End a silence; what is open and was not told is told now."""
    with transaction() as connection:
        target = operator.unsilence(connection, silence)
    console().print(f"{shown(target)} is told of again.", markup=False)


@group.command()
def digest(
    *,
    day: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="Default: yesterday.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Print the digest of a day (UTC); sends nothing."""
    wanted = _day(day)
    with transaction() as connection:
        found = digest_of(connection, wanted, settings())
    if as_json:
        print_json(found.as_json())
        return
    title, body = words(found)
    console().print(f"{title}\n\n{body}", markup=False)


group.command()(test)


def _day(written: str | None) -> date:
    today = datetime.now(UTC).date()
    if written is None:
        return today - timedelta(days=1)
    try:
        day = date.fromisoformat(written)
    except ValueError:
        raise OperatorError("Write the day as 2026-11-21.") from None
    if day > today:
        raise OperatorError(f"{day} has not begun yet.")
    return day


def _line(alert: Row[Any]) -> Sequence[object]:
    # Two lines a cell: the sentence gets the width it needs.
    count = alert._mapping["count"]  # noqa: SLF001 (public API; a Row has a count)
    lasts = age(alert.lasted.total_seconds())
    return (
        f"{alert.id}\n{alert.severity}",
        f"{alert.summary}\n({alert.kind})",
        f"{lasts}\n{count:,} now" if alert.resolved_at is None else lasts,
        _who_knows(alert),
    )


def _who_knows(alert: Row[Any]) -> str:
    if alert.resolved_at is not None:
        return f"over {alert.resolved_at.astimezone(UTC):%m-%d %H:%M}"
    said = []
    if alert.acked_at is not None:
        said.append(f"acked by {alert.acked_by}")
    if alert.silenced_until is not None:
        until = alert.silenced_until.astimezone(UTC)
        said.append(f"silent till\n{until:%m-%d %H:%M}")
    if not said:
        said.append("not told yet" if alert.is_untold else "told")
    if alert.absent_since is not None:
        said.append("calming down")
    return ",\n".join(said)


def _list_silences(*, as_json: bool) -> None:
    with transaction() as connection:
        rows = operator.silences(connection, MOST_LISTED)
    if as_json:
        print_json([dict(row._mapping) for row in rows])  # noqa: SLF001 (public API)
        return
    print_table(
        "Silences" if rows else "Nothing is silenced",
        ("silence", "what", "until (UTC)", "by", "why"),
        [(row.id, row.target, row.until, row.actor, row.reason) for row in rows],
    )
    if rows:
        console().print(f"  ./paddlewheel alerts unsilence {rows[0].id}")
