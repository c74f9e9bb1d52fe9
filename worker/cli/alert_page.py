"""All there is to say about one alert, for people and for programs."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from worker.alerts import operator
from worker.alerts.asking import stakes_of
from worker.alerts.stakes import Stakes, sentence
from worker.alerts.words import runbook_of, span
from worker.cli.output import console, print_table, shown
from worker.settings import Settings

MOST_MESSAGES = 50
MOST_SILENCES = 20


@dataclass(frozen=True, slots=True)
class Page:
    """An alert with everything around it."""

    alert: Row[Any]
    messages: list[Row[Any]]
    silences: list[Row[Any]]
    #: None: it could not be found out.
    stakes: Stakes | None
    runbook: str

    def as_json(self) -> dict[str, Any]:
        """Return all of it as JSON can hold it."""
        stakes = self.stakes
        return {
            **self.alert._mapping,  # noqa: SLF001 (public API)
            "stakes": None
            if stakes is None
            else {
                "learners": stakes.learners,
                "money": dict(stakes.money),
                "unknown": stakes.unknown,
                "capped": stakes.capped,
            },
            "runbook": self.runbook,
            "silences": [dict(row._mapping) for row in self.silences],  # noqa: SLF001
            "messages": [dict(row._mapping) for row in self.messages],  # noqa: SLF001
        }


def page_of(connection: Connection, alert_id: int, config: Settings) -> Page:
    """Read all there is about an alert.

    Raises:
        OperatorError: There is none.
    """
    alert = operator.alert_of(connection, alert_id)
    return Page(
        alert,
        operator.messages_of(connection, alert_id, MOST_MESSAGES),
        operator.silences(connection, MOST_SILENCES, alert),
        stakes_of(connection, alert.kind, alert.subject),
        runbook_of(alert.kind, config),
    )


def print_page(page: Page) -> None:
    """Print it for people."""
    alert, out = page.alert, console()
    head = f"Alert {alert.id}, {alert.state}: {alert.severity} {alert.kind}"
    out.print(head, markup=False)
    out.print(f"\n{shown(alert.summary)}\n", markup=False)
    for name, value in _facts(page):
        # Not wrapped: what is broken in two cannot be copied.
        out.print(f"  {name:10} {shown(value)}", markup=False, soft_wrap=True)
    if alert.next_steps:
        out.print("\nDo next:")
    for step in alert.next_steps:
        out.print(f"  {shown(step)}", markup=False, soft_wrap=True)
    if page.messages:
        out.print()
        _print_messages(page.messages)
    if alert.resolved_at is None and alert.acked_at is None:
        out.print(f"\n  ./paddlewheel alerts ack {alert.id}")


def _facts(page: Page) -> Iterator[tuple[str, object]]:
    alert = page.alert
    since = min(alert.since, alert.opened_at)
    yield "since", f"{_time(since)}, {span(alert.lasted.total_seconds())}"
    yield "opened", _time(alert.opened_at)
    if alert.resolved_at is not None:
        yield "over", _time(alert.resolved_at)
    elif alert.absent_since is not None:
        yield "calm since", _time(alert.absent_since)
    yield "subject", alert.subject or "–"
    count = alert._mapping["count"]  # noqa: SLF001 (public API; a Row has a count)
    yield "count", f"{count:,}, at most {alert.peak:,}"
    if alert.flaps:
        yield "came back", f"{alert.flaps} times, each within a day"
    yield "told", _told(alert)
    if alert.acked_at is not None:
        yield "acked", f"by {alert.acked_by}, {_time(alert.acked_at)}"
    for row in page.silences:
        reason = f"{row.actor}: {row.reason}"
        yield "silent", f"until {_time(row.until)}, {reason} (silence {row.id})"
    stakes = page.stakes
    yield "touches", "could not be found out" if stakes is None else sentence(stakes)
    yield "runbook", page.runbook


def _told(alert: Row[Any]) -> str:
    if alert.is_untold:
        return "nobody yet"
    noun = "reminder" if alert.reminders == 1 else "reminders"
    said = f"as {alert.told_severity}, {alert.reminders} {noun}"
    # One that is due and not written waits for the end of a silence.
    is_ahead = alert.remind_at is not None and alert.remind_at > alert.asked_at
    if not is_ahead or alert.acked_at is not None:
        return said
    return f"{said}, the next {_time(alert.remind_at)}"


def _time(moment: datetime) -> str:
    return f"{shown(moment)} UTC"


def _print_messages(messages: list[Row[Any]]) -> None:
    columns = ("message", "written (UTC)", "state", "way", "last error")
    rows = [
        (
            row.kind,
            row.created_at,
            row.state if not row.failures else f"{row.state}, {row.failures} failures",
            row.way,
            row.last_error or row.reason,
        )
        for row in messages
    ]
    print_table("What was told", columns, rows)
