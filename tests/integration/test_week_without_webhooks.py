"""A week in which no delivery arrives: one look at the provider makes up for all of it.

The provider is the local Paddle over HTTP, asked by the real client. What must come of
the week is read from its objects alone, and compared in ways of the tests' own.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from celery.exceptions import Retry
from sqlalchemy import Engine

from local_paddle.server import Options, running
from models.access import CourseKind
from models.access_rules import Given
from models.reconciliation import RunKind, RunScope
from models.snapshot import Snapshot
from tasks.activate import activate
from tasks.expire import expire
from tasks.reconcile import reconcile
from tasks.record import record
from tasks.release import release
from tests.factories import add_events, add_offer, make_due, one, rows
from tests.histories.deployment import WRONG
from tests.histories.oracle import Oracle
from tests.integration.local_paddle.conftest import (
    API_KEY,
    SECRET,
    WAIT_SECONDS,
    Receiver,
    receiving,
)
from tests.purchases import Body
from tests.reconciling import place_cursor
from tests.reconciling_objects import edit
from tests.same_as_provider import FIELDS, differences
from tests.week import CATALOG, GRACE_DAYS, OFFERS, Week
from worker.local_shop import Client
from worker.providers.contract import StoredEvent
from worker.providers.registry import PROVIDERS
from worker.reconciliation import plan
from worker.reconciliation.plan import OBJECTS
from worker.settings import Settings
from worker.work_tables import RUNS

Objects = dict[str, list[Any]]
#: What says only when, or how often, something was looked at.
MEASURES = ("confirmed_at", "last_seen_at", "moved_at")
#: What every look adds to or writes down: that there was one.
OF_LOOKING = {"reconciliation_runs", "cursors", "provider_budgets", "heartbeats"}
_TABLES = """
SELECT relname FROM pg_class
WHERE relkind IN ('r', 'p') AND NOT relispartition
  AND relnamespace = 'public'::regnamespace
"""
_HAS = """
SELECT l.email, e.course_key, e.state, e.reason, e.access_until, e.seats
FROM enrollments e JOIN learners l ON l.id = e.learner_id WHERE e.state <> 'ended'
"""
WELCOMES = """
SELECT min(state), max(count), count(*) FROM (
  SELECT min(n.state) AS state, count(n.id) AS count
  FROM enrollments e
  LEFT JOIN notifications n ON n.enrollment_id = e.id AND n.kind = 'welcome'
  WHERE e.state = 'active' GROUP BY e.id) AS welcomed
HAVING min(state) = max(state) AND min(count) = 1
"""
WHY = "SELECT reason, explanation, count(*) FROM reconciled_events GROUP BY 1, 2"
SOURCES = "SELECT source, count(*) FROM inbox GROUP BY 1"
OPEN = "SELECT kind FROM findings WHERE state <> 'cleared'"
#: No platform is told here.
NO_HOOK = {"platform not to be told"}
#: How much a week is, at least.
MANY = 100
_RUNS = """
SELECT kind, state, reason, found, healed, requests
FROM reconciliation_runs WHERE id > :after ORDER BY id
"""


@dataclass(frozen=True)
class Played:
    """A week at the local Paddle, and what was delivered before it."""

    shop: Client
    api: httpx.Client
    address: str
    delivered: list[Body]


class Outage:
    """What Paddlewheel knows after a week without deliveries, against the provider."""

    def __init__(self, engine: Engine, played: Played) -> None:
        self.engine, self.shop, self.api = engine, played.shop, played.api
        self.delivered = played.delivered
        self.offers: dict[str, list[Given]] = {
            price: [
                Given(course, None, add_offer(engine, price, course), CourseKind.COURSE)
                for course in courses
            ]
            for price, courses in CATALOG.items()
        }

    def objects(self) -> Objects:
        """Read all objects, in the test's own way."""
        return {kind: [*self._listed(f"/{kind}")] for kind in FIELDS}

    def _listed(self, url: str) -> Iterator[Any]:
        following = True
        while following:
            answer = self.api.get(url).raise_for_status().json()
            yield from answer["data"]
            pagination = answer["meta"]["pagination"]
            following, url = pagination["has_more"], pagination["next"]

    def look(
        self, *kinds: RunKind, scope: RunScope = RunScope.ALL
    ) -> list[dict[str, Any]]:
        """Make a run of each kind, all at once, to their ends; how they ended."""
        before = one(
            self.engine, "SELECT coalesce(max(id), 0) FROM reconciliation_runs"
        )
        with self.engine.begin() as connection:
            for kind in kinds:
                plan.start(connection, "paddle", kind, scope, asked_by="test")
        pending = "SELECT count(*) FROM reconciliation_runs WHERE state = 'pending'"
        for _ in range(20):
            if not one(self.engine, pending):
                break
            make_due(self.engine, RUNS)
            reconcile([], 1)
            self.work()
        names = ("kind", "state", "reason", "found", "healed", "requests")
        ended = rows(self.engine, _RUNS, after=before)
        return [dict(zip(names, run, strict=True)) for run in ended]

    def work(self) -> None:
        """Let every task run until nothing is due."""
        tasks: tuple[Callable[[], object], ...] = (
            lambda: record([], 1),
            release,
            expire,
            lambda: activate([], 1),
        )
        for task in tasks:
            with suppress(Retry):
                task()

    def entitled(self) -> dict[tuple[str, str], Any]:
        """Say who has what, by the pure rules and the provider's objects alone."""
        oracle = Oracle(
            dict.fromkeys(_courses(), CourseKind.COURSE), timedelta(days=GRACE_DAYS)
        )
        oracle.record(self._snapshots(), self.offers)
        now: datetime = one(self.engine, "SELECT now()")
        return {
            place: (had.state, had.reason, had.access_until, had.seats)
            for place, had in oracle.enrollments(self.offers, now).items()
        }

    def _snapshots(self) -> Iterator[Snapshot]:
        provider = PROVIDERS["paddle"]
        for kind, entities in self.objects().items():
            for entity in entities:
                raw = json.dumps(entity).encode()
                made = provider.synthetic(kind.removesuffix("s"), raw)
                parts = (made.event_id, made.event_type, made.occurred_at, made.body)
                read = provider.read(StoredEvent(0, "paddle", *parts))
                assert isinstance(read, Snapshot)
                yield read

    def has(self) -> dict[tuple[str, str], Any]:
        """Return who has what."""
        return {(row[0], row[1]): row[2:] for row in rows(self.engine, _HAS)}

    def dump(self) -> dict[str, list[Any]]:
        """Return all rows there are, but for the traces of looking."""
        tables = {row[0] for row in rows(self.engine, _TABLES)} - OF_LOOKING
        query = "SELECT to_jsonb(t) - CAST(:measures AS text[]) AS row FROM {} t"
        return {
            table: rows(
                self.engine,
                query.format(table) + " ORDER BY row",
                measures=list(MEASURES),
            )
            for table in tables
        }


def _courses() -> Sequence[str]:
    return sorted({course for given in CATALOG.values() for course in given})


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    """Keeps what is delivered."""
    with receiving() as kept:
        yield kept


@pytest.fixture(scope="module")
def played(
    receiver: Receiver, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Played]:
    """The week; nobody changes anything at the provider after it."""
    folder = tmp_path_factory.mktemp("week")
    options = Options(folder, API_KEY, SECRET, receiver.url, OFFERS)
    with (
        running(options) as (paddle, url),
        Client(url, API_KEY) as shop,
        httpx.Client(base_url=url) as api,
    ):
        paddle.limit.allow(1_000_000)
        api.headers["Authorization"] = f"Bearer {API_KEY}"
        week = Week(shop, api)
        week.before()
        assert shop.wait_until_quiet(WAIT_SECONDS)
        delivered = [json.loads(one.body) for one in receiver.received]
        week.away()
        assert shop.wait_until_quiet(WAIT_SECONDS)
        assert len(receiver.received) == len(delivered)
        yield Played(shop, api, url, delivered)


@pytest.fixture
def outage(core: Engine, configured: Callable[..., Settings], played: Played) -> Outage:
    """Paddlewheel, older than the week, of which it was told nothing."""
    edit(
        core,
        "INSERT INTO deployment (id, environment, stamped_at)"
        " VALUES (1, 'local', '2001-01-01')"
        " ON CONFLICT (id) DO UPDATE SET stamped_at = excluded.stamped_at",
    )
    configured(
        paddle_api_url=played.address,
        paddle_api_key=API_KEY,
        paddle_webhook_secrets=SECRET,
        paddle_requests_per_minute=10_000,
        access_grace_days=GRACE_DAYS,
    )
    outage = Outage(core, played)
    add_events(core, played.delivered)
    outage.work()
    place_cursor(core, max(body["event_id"] for body in played.delivered))
    assert len(differences(core, outage.objects())) > MANY
    return outage


def assert_everybody_has_what_they_should(outage: Outage) -> None:
    assert outage.has() == outage.entitled()
    now = datetime.now(UTC).isoformat()
    truth = outage.shop.truth(now=now, grace_days=GRACE_DAYS)["courses"]
    theirs = {(t["email"], t["course"]) for t in truth if t["has_access"]}
    ours = {place for place, had in outage.has().items() if had[0] == "active"}
    assert ours == theirs
    wrong = {name: one(outage.engine, WRONG[name]) for name in WRONG.keys() - NO_HOOK}
    assert {name: count for name, count in wrong.items() if count} == {}
    assert rows(outage.engine, WELCOMES) == [("pending", 1, len(ours))]


def test_one_look_at_the_list_of_events_makes_up_for_a_week(outage: Outage) -> None:
    engine = outage.engine

    (run,) = outage.look(RunKind.EVENTS, scope=RunScope.RECENT)

    assert (run["state"], run["reason"]) == ("complete", None)
    assert run["found"] == run["healed"] > MANY
    assert rows(engine, WHY) == [("missed", "inactive", run["found"])]
    # That a dispute which was won becomes `reversed` is told by no event.
    (untold,) = differences(engine, outage.objects()).items()
    assert (untold[0][0], untold[1]) == ("adjustments", ("reversed", "approved"))
    assert_everybody_has_what_they_should(outage)

    before = outage.dump()
    (again,) = outage.look(RunKind.EVENTS, scope=RunScope.RECENT)
    assert (again["state"], again["found"]) == ("complete", 0)
    assert outage.dump() == before

    assert sum(run["found"] for run in outage.look(*OBJECTS)) == 1
    assert differences(engine, outage.objects()) == {}
    assert_everybody_has_what_they_should(outage)


def test_where_the_list_has_forgotten_one_look_at_the_objects_does(
    outage: Outage,
) -> None:
    engine = outage.engine

    runs = outage.look(*OBJECTS)

    assert {(run["state"], run["reason"]) for run in runs} == {("complete", None)}
    assert all(run["found"] == run["healed"] > 0 for run in runs)
    assert dict(rows(engine, SOURCES)) == {
        "webhook": len({body["event_id"] for body in outage.delivered}),
        "reconciliation": sum(run["found"] for run in runs),
    }
    assert differences(engine, outage.objects()) == {}
    assert_everybody_has_what_they_should(outage)
    assert rows(engine, OPEN) == [("partial_refund",)]

    before = outage.dump()
    assert [run["found"] for run in outage.look(*OBJECTS)] == [0, 0, 0, 0]
    assert outage.dump() == before
