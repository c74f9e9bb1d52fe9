"""Runs of reconciliation against lists in memory, step by step."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from sqlalchemy import Engine, text

from models.reconciliation import RunKind, RunScope, RunStage
from tests.factories import one
from tests.purchases import Body, purchase
from worker.providers.api import ApiList, Asked, Destination, ListPage
from worker.providers.errors import ApiError
from worker.reconciliation.cursor import begin
from worker.reconciliation.run import Leg, Progress, Run

HANDLED = frozenset({"transaction.completed"})
OURS = Destination("ntfset_ours", is_active=True, is_ours=True, subscribed=HANDLED)


@dataclass
class Lists:
    """A provider's API that serves what it is given, a few entities a page."""

    events: list[Body] = field(default_factory=list)
    notifications: list[Body] = field(default_factory=list)
    settings: Sequence[Destination] = (OURS,)
    customers: dict[str, bytes] = field(default_factory=dict)
    a_page: int = 3
    #: What a list answers with instead.
    errors: dict[ApiList, Exception] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def page(self, asked: Asked) -> ListPage:
        self.asked.append(asked)
        if error := self.errors.get(asked.list):
            raise error
        listed = {_id(entity): entity for entity in getattr(self, asked.list)}
        ids = sorted(listed, reverse=asked.newest_first)
        if asked.after:
            if asked.after not in ids:
                raise ApiError(404, "not_found")
            ids = ids[ids.index(asked.after) + 1 :]
        most = asked.most or self.a_page
        entities = tuple(json.dumps(listed[one]).encode() for one in ids[:most])
        following = ids[most - 1] if len(ids) > most else ""
        return ListPage(entities, following, len(listed))

    def destinations(self) -> list[Destination]:
        return list(self.settings)

    def customer(self, customer_id: str) -> bytes | None:
        return self.customers.get(customer_id)

    def invoice_url(self, transaction_id: str) -> str:
        return f"https://example.com/{transaction_id}"

    checkout_url = invoice_url

    def prices(self) -> Iterator[list[bytes]]:
        return iter(())

    products = discounts = prices


def _id(entity: Body) -> str:
    return str(entity.get("event_id") or entity["id"])


def ago(minutes: float) -> datetime:
    return datetime.now(UTC) - timedelta(minutes=minutes)


def event(number: int, minutes: float, body: Body | None = None) -> Body:
    """An event as the list has it, so many minutes old; ids go up with numbers."""
    listed = dict(body or purchase()[-1])
    listed.pop("notification_id", None)
    moment = ago(minutes).isoformat(timespec="microseconds")
    return listed | {
        "event_id": f"evt_{number:04}",
        "occurred_at": moment.replace("+00:00", "Z"),
    }


def sale(minutes: float = 30, first: int = 1) -> list[Body]:
    """The events of a purchase, as the list has them."""
    return [event(n, minutes, body) for n, body in enumerate(purchase(), first)]


def notification(
    number: int, of: Body, status: str = "failed", destination: str = OURS.id
) -> Body:
    """What the provider tells of the delivery of an event: it arrived at once."""
    return {
        "id": f"ntf_{number:04}",
        "status": status,
        "notification_setting_id": destination,
        "delivered_at": of["occurred_at"] if status == "delivered" else None,
        "payload": of | {"notification_id": f"ntf_{number:04}"},
    }


def add_run(
    engine: Engine,
    kind: RunKind = RunKind.EVENTS,
    scope: RunScope = RunScope.RECENT,
    **values: Any,
) -> int:
    """Add a run; one of events begins where the cursor stands."""
    with engine.begin() as connection:
        position = ""
        if kind is RunKind.EVENTS:
            since = values.get("since")
            position = begin(connection, "paddle", scope, since)
        columns = {
            "provider": "paddle",
            "kind": kind,
            "scope": scope,
            "position": position,
            **values,
        }
        names = ", ".join(columns)
        marks = ", ".join(f":{name}" for name in columns)
        statement = f"INSERT INTO reconciliation_runs ({names}) VALUES ({marks})"
        added = connection.execute(text(f"{statement} RETURNING id"), columns)
        return int(added.scalar_one())


def read(engine: Engine, run_id: int) -> Run:
    """Return a run as its leg sees it."""
    with engine.connect() as connection:
        row = connection.execute(
            text("""
            SELECT id, provider, kind, scope, stage, created_at AS began_at, since,
                   mails, position, expected, seen, found
            FROM reconciliation_runs WHERE id = :id
            """),
            {"id": run_id},
        ).one()
    kind, scope, stage = RunKind(row.kind), RunScope(row.scope), RunStage(row.stage)
    return Run(**{**row._asdict(), "kind": kind, "scope": scope, "stage": stage})


def step(engine: Engine, leg: Leg, api: Lists, run_id: int) -> Progress:
    """Go one step, and write how far it came."""
    run = read(engine, run_id)
    answer = leg.look(api, run)
    with engine.begin() as connection:
        progress = leg.keep(connection, run, answer)
        connection.execute(
            text("""
            UPDATE reconciliation_runs SET position = :position, seen = seen + :seen,
              found = found + :found, reason = coalesce(reason, nullif(:gap, ''))
            WHERE id = :id
            """),
            {
                "id": run_id,
                "position": progress.position,
                "seen": progress.seen,
                "found": progress.found,
                "gap": progress.gap,
            },
        )
    return progress


def walk(engine: Engine, leg: Leg, api: Lists, **values: Any) -> int:
    """Take a run of events to its end; return its id."""
    run_id = add_run(engine, **values)
    for _ in range(100):
        if step(engine, leg, api, run_id).is_over:
            break
    else:
        raise AssertionError("the walk does not end")
    end = "UPDATE reconciliation_runs SET state = 'complete' WHERE id = :id"
    with engine.begin() as connection:
        connection.execute(text(end), {"id": run_id})
    return run_id


def place_cursor(
    engine: Engine, position: str, reached_at: datetime | None = None
) -> None:
    """Write down that the list was compared so far."""
    with engine.begin() as connection:
        connection.execute(
            text("""
            INSERT INTO cursors (name, position, reached_at)
            VALUES ('events:paddle', :position, :reached_at)
            ON CONFLICT (name) DO UPDATE
              SET position = excluded.position, reached_at = excluded.reached_at
            """),
            {"position": position, "reached_at": reached_at},
        )


def cursor(engine: Engine) -> str:
    """Return where the cursor stands."""
    return str(one(engine, "SELECT position FROM cursors WHERE name LIKE 'events:%'"))


def numbers(bodies: Iterable[Body]) -> list[str]:
    """Return the ids of events."""
    return [body["event_id"] for body in bodies]
