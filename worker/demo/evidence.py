"""What every witness says at the end of the day: rows, mails, platform, Paddle, Flower.

Gathered while everything still runs; judged afterwards in ``verdict.py``.
"""

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Connection, Engine, text

from worker.demo.reconciled import Reconciled
from worker.local_shop import Client
from worker.work_tables import WORK_TABLES

TIMEOUT_SECONDS = 10.0
#: What the local Paddle sends signed, and no recorder can take.
BROKEN = frozenset({"malformed", "poison"})
#: What is compared with Paddle's own, entity by entity.
LEDGER = ("transactions", "subscriptions", "adjustments")


_ENROLLMENTS = """
SELECT l.ref AS learner_ref, l.email, e.course_key, e.state, e.access_until, e.seats
FROM enrollments e JOIN learners l ON l.id = e.learner_id WHERE e.version > 0
"""
_NOTICES = """
SELECT n.message_id, n.kind, coalesce(e.course_key, n.key) AS about
FROM notifications n LEFT JOIN enrollments e ON e.id = n.enrollment_id
WHERE n.message_id IS NOT NULL AND n.channel = 'mail'
"""
_ORDERS = """
SELECT subject_id FROM platform_deliveries WHERE kind = 'order.completed'
"""
#: What the clock is about to end is waited for, if it comes within this.
SOON = timedelta(minutes=1)
_ENDING = text("SELECT count(*) FROM enrollments WHERE recheck_at < now() + :soon")


class Mail(NamedTuple):
    """A mail that arrived."""

    recipient: str
    message_id: str
    subject: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """All testimonies."""

    #: The local Paddle's truth (``local_paddle/truth.py``).
    truth: dict[str, Any]
    #: By signed token, for which user of the shop it is.
    users: dict[str, str]
    #: Ids of simulated events.
    simulated: list[str]
    #: How long a renewal may stay unpaid.
    grace: timedelta
    #: Inbox: event id to state, of what was delivered.
    inbox: dict[str, str]
    #: The same, of objects that Paddlewheel asked for itself.
    fetched: dict[str, str]
    #: How comparing with Paddle went.
    reconciled: Reconciled
    #: Ledger: id to status.
    transactions: dict[str, str]
    subscriptions: dict[str, str]
    adjustments: dict[str, str]
    #: ``course_access``, as rows.
    access: list[dict[str, Any]]
    #: The enrollments beneath.
    enrollments: list[dict[str, Any]]
    #: Open findings by kind.
    findings: dict[str, int]
    #: Lines whose access waits.
    parked: int
    #: Open dead letters about anything but the inbox.
    other_dead: int
    #: Enrollments whose history has not exactly one row per version.
    crooked_histories: int
    #: Rows of history that the clock caused.
    ended_by_clock: int
    #: What the course platform believes.
    platform: list[dict[str, Any]]
    #: Transactions of the orders that it knows, and of those that are to be told.
    platform_orders: list[str]
    orders: list[str]
    #: Every mail that arrived, in order.
    mails: list[Mail]
    #: By Message-ID, what our rows say of each: its kind, and what it is about.
    notices: dict[str, tuple[str, str]]
    #: How the receiver answered, by outcome.
    answers: dict[str, int]
    #: Alerts: ``id``, ``fingerprint``, ``kind``, ``state``, ``flaps``.
    alerts: list[dict[str, Any]]
    #: Messages about them: ``key``, ``kind``, ``state``, ``way``, ``alert_id``, and as
    #: ``text`` title and body as they leave the house.
    alert_messages: list[dict[str, Any]]
    #: Title and body of every message that arrived.
    heard: list[tuple[str, str]]
    #: Tasks by state, as Flower tells.
    flower: dict[str, int] = field(default_factory=dict)


def told_of(connection: Connection) -> dict[str, Any]:
    """Read what the database says of mails and orders."""
    notices = connection.execute(text(_NOTICES)).all()
    return {
        "notices": {row.message_id: (row.kind, row.about) for row in notices},
        "orders": list(connection.execute(text(_ORDERS)).scalars()),
    }


def rows_of(connection: Connection) -> dict[str, Any]:
    """Read what the database says."""

    def pairs(sql: str) -> dict[str, Any]:
        return {row[0]: row[1] for row in connection.execute(text(sql))}

    def rows(sql: str) -> list[dict[str, Any]]:
        return [dict(row) for row in connection.execute(text(sql)).mappings()]

    events = "SELECT event_id, state FROM inbox WHERE source"
    statuses = "SELECT id, status FROM {} WHERE status IS NOT NULL"
    return {
        "inbox": pairs(f"{events} = 'webhook'"),
        "fetched": pairs(f"{events} = 'reconciliation'"),
        **{name: pairs(statuses.format(name)) for name in LEDGER},
        "access": rows("SELECT * FROM course_access"),
        "enrollments": rows(_ENROLLMENTS),
        "findings": pairs(
            "SELECT kind, count(*) FROM findings WHERE state = 'open' GROUP BY kind"
        ),
        "parked": connection.scalar(text("SELECT count(*) FROM parked")),
        "other_dead": connection.scalar(
            text(
                "SELECT count(*) FROM dead_letters WHERE state = 'open'"
                " AND work_table IS DISTINCT FROM 'inbox'"
            )
        ),
        "ended_by_clock": connection.scalar(
            text("SELECT count(*) FROM enrollment_history WHERE cause_kind = 'clock'")
        ),
        "crooked_histories": connection.scalar(
            text(
                "SELECT count(*) FROM enrollments e WHERE version <> (SELECT count(*)"
                " FROM enrollment_history h WHERE h.enrollment_id = e.id)"
            )
        ),
    }


def pending_rows(engine: Engine) -> int:
    """Return how many rows of work are not at their end."""
    with engine.connect() as connection:
        counts = [
            connection.scalar(
                text(
                    f"SELECT count(*) FROM {table.name}"  # noqa: S608 (our names)
                    " WHERE state IN ('pending', 'sending')"
                )
            )
            for table in WORK_TABLES
        ]
    return sum(count or 0 for count in counts)


def ending_soon(engine: Engine) -> int:
    """Return how many enrollments the clock is about to change."""
    with engine.connect() as connection:
        return int(connection.execute(_ENDING, {"soon": SOON}).scalar_one())


def mails_in(folder: Path) -> list[Mail]:
    """Read the heads of all mails that were kept."""
    mails = []
    for file in sorted(folder.glob("*.eml")):
        head = message_from_bytes(file.read_bytes(), policy=policy.default)
        names = ("To", "Message-ID", "Subject")
        mails.append(Mail(*(str(head[name]) for name in names)))
    return mails


def answers_of(web_url: str) -> dict[str, int]:
    """Read how the receiver says it answered, by outcome."""
    page = httpx.get(f"{web_url}/metrics", timeout=TIMEOUT_SECONDS).text
    answers: Counter[str] = Counter()
    for family in text_string_to_metric_families(page):
        if family.name == "paddlewheel_deliveries":
            for sample in family.samples:
                if sample.name.endswith("_total"):
                    answers[sample.labels["outcome"]] += int(sample.value)
    return dict(answers)


def beliefs_of(hook_url: str) -> dict[str, Any]:
    """Ask the course platform what it believes of access, and which orders it knows."""
    address = urlsplit(hook_url)
    answer = httpx.get(
        f"{address.scheme}://{address.netloc}/state", timeout=TIMEOUT_SECONDS
    )
    state = json.loads(answer.text)
    orders = [order["transaction_id"] for order in state["orders"]]
    return {"platform": state["enrollments"], "platform_orders": orders}


def broken_on_purpose(truth: dict[str, Any]) -> set[str]:
    """Return the event ids under which what was sent broken may stand in the inbox."""
    extras = [extra for extra in truth["extras"] if extra["kind"] in BROKEN]
    named = {extra["event_id"] for extra in extras if extra["event_id"]}
    return named | {f"sha256:{extra['sha256']}" for extra in extras}


def truth_from(shop: Client, grace: timedelta) -> dict[str, Any]:
    """Ask the local Paddle for the truth, as it is by Paddlewheel's clock and grace."""
    days = grace / timedelta(days=1)
    return shop.truth(now=datetime.now(UTC).isoformat(), grace_days=days)
