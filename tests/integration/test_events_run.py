"""Runs over the provider's list of events: what no delivery brought is found, once."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from models.reconciliation import RunKind, RunScope
from tasks.activate import activate
from tasks.compare import compare
from tasks.record import record
from tests.factories import add_events, make_due, one, rows
from tests.integration.test_compare import add_variant
from tests.purchases import COURSE, Body
from tests.reconciling import (
    HANDLED,
    OURS,
    Lists,
    add_run,
    ago,
    cursor,
    event,
    notification,
    numbers,
    place_cursor,
    read,
    sale,
    step,
    walk,
)
from worker.drain import Job, drain_each
from worker.providers import clients
from worker.providers.api import ApiList, Destination
from worker.providers.errors import AnotherAccountError, ApiError, ApiRefusedError
from worker.reconciliation import explaining, plan
from worker.reconciliation import walker as walking
from worker.reconciliation.cursor import OVERLAP
from worker.reconciliation.events import LOST, TOO_OLD, Events
from worker.reconciliation.refusals import PAUSE, refusal
from worker.reconciliation.run import Progress, Run
from worker.reconciliation.walker import Walker
from worker.settings import settings
from worker.work_tables import RUNS, Claimant

Walk = Callable[[], None]
#: By then somebody who was refused is asked again.
LATER = {"pause": PAUSE}

FOUND = "SELECT found FROM reconciliation_runs WHERE id = :id"
REASON = "SELECT reason FROM reconciliation_runs WHERE id = :id"
INBOX = "SELECT event_id, source, state FROM inbox ORDER BY event_id"


@pytest.fixture
def leg() -> Events:
    return Events()


def deliver(engine: Engine, bodies: list[Body]) -> None:
    add_events(engine, [body | {"notification_id": "ntf_1"} for body in bodies])
    record([], 1)


def dump(engine: Engine) -> list[Any]:
    return [
        rows(engine, f"SELECT * FROM {table} ORDER BY 1")
        for table in ("inbox", "inbox_bodies", "reconciled_events", "cursors")
    ]


def test_nothing_missing_changes_nothing(core: Engine, leg: Events) -> None:
    listed = sale()
    place_cursor(core, "evt_0001", ago(40))
    deliver(core, listed)
    before = rows(core, INBOX)

    run = walk(core, leg, Lists([event(1, 40), *listed]))

    assert rows(core, INBOX) == before
    assert one(core, "SELECT count(*) FROM reconciled_events") == 0
    assert rows(
        core,
        "SELECT seen, found, reason FROM reconciliation_runs WHERE id = :id",
        id=run,
    ) == [(6, 0, None)]


def test_what_was_missed_is_stored_and_gives_access_and_is_found_once(
    core: Engine, leg: Events
) -> None:
    listed = sale(first=2)
    place_cursor(core, "evt_0001", ago(40))
    deliver(core, listed[:-1])
    api = Lists([event(1, 40), *listed])

    run = walk(core, leg, api)

    assert one(core, FOUND, id=run) == 1
    assert rows(
        core,
        """SELECT i.event_id, i.source, r.run_id, r.reason, r.mails
           FROM reconciled_events r JOIN inbox i ON i.id = r.inbox_id""",
    ) == [("evt_0008", "event_list", run, "missed", True)]
    assert record([], 1) == "1 processed"
    activate([], 1)
    assert rows(core, "SELECT course_key, state FROM enrollments") == [
        (COURSE, "active")
    ]

    again = walk(core, leg, api)
    assert one(core, FOUND, id=again) == 0
    assert one(core, "SELECT count(*) FROM inbox") == 7


def test_a_week_without_deliveries_is_healed_by_one_run(
    core: Engine, leg: Events
) -> None:
    listed = sale(minutes=7 * 24 * 60, first=2)
    place_cursor(core, "evt_0001", ago(7 * 24 * 60))
    api = Lists([event(1, 7 * 24 * 60 + 1), *listed])

    run = walk(core, leg, api, mails=False)
    record([], 1)
    activate([], 1)

    assert one(core, FOUND, id=run) == 7
    assert one(core, "SELECT state FROM enrollments") == "active"
    assert one(core, "SELECT bool_or(mails) FROM reconciled_events") is False
    assert len([one for one in api.asked if one.list is ApiList.EVENTS]) == 3


def test_a_young_event_is_left_to_its_delivery_and_then_taken(
    core: Engine, leg: Events
) -> None:
    place_cursor(core, "evt_0001", ago(40))
    api = Lists([event(1, 40), event(2, 0.5)])

    assert one(core, FOUND, id=walk(core, leg, api)) == 0
    assert rows(core, INBOX) == []

    api.events[1] = event(2, 1.5)
    assert one(core, FOUND, id=walk(core, leg, api)) == 1


def test_the_cursor_lags_behind_so_that_the_last_minutes_are_read_again(
    core: Engine, leg: Events
) -> None:
    place_cursor(core, "evt_0001", ago(40))
    api = Lists([event(1, 40), event(2, 20), event(4, 8), event(5, 3)])

    first = walk(core, leg, api)

    assert cursor(core) == "evt_0002"
    assert one(core, "SELECT reached_at FROM cursors") == (
        read(core, first).began_at - OVERLAP
    )
    late = event(3, 9)
    api.events.append(late)
    assert one(core, FOUND, id=walk(core, leg, api)) == 1
    assert numbers([late])[0] in {row[0] for row in rows(core, INBOX)}


def test_the_cursor_never_goes_back(core: Engine, leg: Events) -> None:
    place_cursor(core, "evt_0003", ago(12))
    listed = [event(n, 58 - 10 * n) for n in range(1, 6)]

    walk(core, leg, Lists(listed), scope=RunScope.ALL)

    assert cursor(core) == "evt_0004"
    place_cursor(core, "evt_0009", ago(1))
    walk(core, leg, Lists(listed), scope=RunScope.ALL)
    assert cursor(core) == "evt_0009"


def test_a_delivery_that_comes_after_all_is_a_duplicate(
    core: Engine, leg: Events
) -> None:
    place_cursor(core, "")
    listed = event(1, 20)
    walk(core, leg, Lists([listed]))
    stored = one(core, "SELECT id FROM inbox")

    add_variant(core, stored, json.dumps(listed | {"notification_id": "n"}).encode())

    assert compare([], 1) == "1 duplicate"


def test_a_delivery_that_comes_between_asking_and_writing_is_not_missed(
    core: Engine, leg: Events
) -> None:
    place_cursor(core, "")
    listed = event(1, 20)
    run = read(core, add_run(core))
    page = leg.look(Lists([listed]), run)
    deliver(core, [listed])

    with core.begin() as connection:
        progress = leg.keep(connection, run, page)

    assert (progress.found, progress.stored, progress.is_over) == (0, [], True)
    assert one(core, "SELECT count(*) FROM inbox") == 1


class Dying(Events):
    """Is killed behind the last write, once."""

    def __init__(self) -> None:
        self.has_died = False

    def keep(self, connection: Connection, run: Run, answer: Any) -> Progress:
        progress = super().keep(connection, run, answer)
        if not self.has_died:
            self.has_died = True
            raise KeyboardInterrupt
        return progress


def test_who_dies_between_page_and_cursor_has_changed_neither(core: Engine) -> None:
    place_cursor(core, "evt_0001", ago(50))
    api = Lists([event(n, 50 - n) for n in range(1, 6)])
    run, leg, before = add_run(core), Dying(), dump(core)

    with pytest.raises(KeyboardInterrupt):
        step(core, leg, api, run)
    assert dump(core) == before
    assert read(core, run).position == "evt_0001"

    while not step(core, leg, api, run).is_over:
        pass
    assert one(core, FOUND, id=run) == 4
    assert cursor(core) == "evt_0005"


def test_a_cursor_that_is_no_longer_known_is_told_and_the_whole_list_is_compared(
    core: Engine, leg: Events
) -> None:
    place_cursor(core, "evt_0001", ago(60))
    api = Lists([event(n, 50 - n) for n in range(3, 8)])

    run = walk(core, leg, api)

    assert one(core, REASON, id=run) == LOST
    assert one(core, FOUND, id=run) == 5
    assert cursor(core) == "evt_0007"
    assert one(core, REASON, id=walk(core, leg, api)) is None


def test_the_list_of_another_shop_is_not_taken_for_ours(
    core: Engine, leg: Events
) -> None:
    place_cursor(core, "evt_0001", ago(60))
    theirs = Destination(
        "ntfset_theirs", is_active=True, is_ours=False, subscribed=HANDLED
    )
    api = Lists([event(n, 50 - n) for n in range(3, 8)], settings=(theirs,))
    run = add_run(core)
    before = dump(core)

    with pytest.raises(AnotherAccountError, match="PADDLE_API_KEY of the same"):
        step(core, leg, api, run)

    assert dump(core) == before
    api.settings = (theirs, OURS)
    assert step(core, leg, api, run).gap == LOST


def test_a_provider_that_never_knows_where_it_was_is_not_asked_for_ever(
    core: Engine, leg: Events
) -> None:
    place_cursor(core, "evt_0001", ago(60))
    api = Lists([event(2, 20)], errors={ApiList.EVENTS: ApiError(400, "bad_request")})
    run = add_run(core)

    step(core, leg, api, run)

    with pytest.raises(ApiError):
        step(core, leg, api, run)


def test_the_first_start_begins_from_now(core: Engine, leg: Events) -> None:
    api = Lists([event(n, 50 - n) for n in range(1, 6)])

    run = walk(core, leg, api)

    assert len(api.asked) == 1
    assert (one(core, FOUND, id=run), cursor(core)) == (0, "evt_0005")
    assert one(core, "SELECT reached_at FROM cursors") == read(core, run).began_at
    api.events.append(event(6, 2))
    assert one(core, FOUND, id=walk(core, leg, api)) == 1
    assert rows(core, "SELECT event_id FROM inbox") == [("evt_0006",)]


def test_where_nothing_ever_happened_the_first_event_counts(
    core: Engine, leg: Events
) -> None:
    api = Lists()
    walk(core, leg, api)
    assert cursor(core) == ""

    api.events.append(event(1, 2))

    assert one(core, FOUND, id=walk(core, leg, api)) == 1


@pytest.mark.parametrize("minutes", [31.5, 34.5])
def test_the_first_start_can_go_back(core: Engine, leg: Events, minutes: float) -> None:
    api = Lists([event(n, 40 - n) for n in range(1, 16)])

    run = walk(core, leg, api, since=ago(minutes))

    expected = [f"evt_{n:04}" for n in range(1, 16) if 40 - n <= minutes]
    assert [row[0] for row in rows(core, INBOX)] == expected
    assert one(core, FOUND, id=run) == len(expected)
    assert one(core, REASON, id=run) is None


@pytest.mark.parametrize(("days", "reason"), [(80, None), (100, TOO_OLD)])
def test_going_back_further_than_the_list_is_told(
    core: Engine, leg: Events, days: int, reason: str | None
) -> None:
    api = Lists([event(n, 40 - n) for n in range(1, 6)])

    run = walk(core, leg, api, since=datetime.now(UTC) - timedelta(days=days))

    assert (one(core, FOUND, id=run), one(core, REASON, id=run)) == (5, reason)


@pytest.mark.parametrize(("minutes", "found"), [(45, 3), (5, 1)])
def test_going_back_begins_at_the_cursor_where_that_is_further(
    core: Engine, leg: Events, minutes: float, found: int
) -> None:
    place_cursor(core, "evt_0003", ago(20))
    api = Lists([event(n, 50 - 10 * n) for n in range(1, 5)])

    run = walk(core, leg, api, since=ago(minutes))

    assert one(core, FOUND, id=run) == found + (minutes == 45)


@pytest.mark.parametrize(("days", "reason"), [(89, None), (91, TOO_OLD)])
def test_an_outage_longer_than_the_list_is_told(
    core: Engine, leg: Events, days: int, reason: str | None
) -> None:
    """One run goes through everything since, a page a step, to its end."""
    minutes = days * 24 * 60
    place_cursor(core, "evt_0001", ago(minutes))
    api = Lists([event(n, minutes - (n - 1) * 10_000) for n in range(1, 12)])

    run = walk(core, leg, api)

    assert (one(core, FOUND, id=run), one(core, REASON, id=run)) == (10, reason)
    pages = [asked.after for asked in api.asked if asked.list is ApiList.EVENTS]
    assert pages == ["evt_0001", "evt_0004", "evt_0007", "evt_0010"]
    assert cursor(core) == "evt_0011"
    assert one(core, FOUND, id=walk(core, leg, api)) == 0


def test_a_backfill_leaves_the_cursor_alone_and_has_its_own_reason(
    core: Engine, leg: Events
) -> None:
    place_cursor(core, "evt_0001", ago(60))
    api = Lists([event(n, 60 - n) for n in range(1, 5)])

    walk(core, leg, api, scope=RunScope.BACKFILL, since=ago(57.5))

    assert cursor(core) == "evt_0001"
    assert rows(core, "SELECT DISTINCT reason FROM reconciled_events") == [
        ("backfilled",)
    ]
    assert rows(core, "SELECT event_id FROM inbox ORDER BY 1") == [
        ("evt_0003",),
        ("evt_0004",),
    ]


@pytest.mark.parametrize(
    "odd",
    [{"event_type": "a b"}, {"occurred_at": "yesterday"}, {"event_type": 1}],
    ids=["type", "time", "no text"],
)
def test_an_odd_event_is_kept_for_a_person(
    core: Engine, leg: Events, odd: Body
) -> None:
    place_cursor(core, "evt_0001", ago(60))
    api = Lists([event(1, 60), event(2, 30) | odd, event(3, 20)])

    assert one(core, FOUND, id=walk(core, leg, api)) == 2
    assert one(core, FOUND, id=walk(core, leg, api)) == 0

    assert rows(
        core, "SELECT left(event_id, 7), event_type FROM inbox ORDER BY event_id DESC"
    ) == [("sha256:", None), ("evt_000", "transaction.completed")]
    assert cursor(core) == "evt_0003"


def test_what_was_missed_is_explained_at_the_end_of_the_run(
    core: Engine, leg: Events
) -> None:
    place_cursor(core, "evt_0001", ago(60))
    listed = [event(n, 60 - n) for n in range(1, 8)]
    other = "ntfset_other"
    api = Lists(
        listed,
        [
            notification(1, listed[0], "delivered"),
            notification(2, listed[1], "failed"),
            notification(3, listed[1], "delivered", other),
            notification(4, listed[2], "needs_retry"),
            notification(5, listed[3], "not_attempted"),
            notification(6, listed[4], "delivered", other),
            notification(7, listed[5], "delivered"),
            notification(8, listed[0], "delivered"),
        ],
        a_page=2,
    )

    run = walk(core, leg, api)

    assert rows(
        core,
        """SELECT i.event_id, r.explanation FROM reconciled_events r
           JOIN inbox i ON i.id = r.inbox_id ORDER BY 1""",
    ) == [
        ("evt_0002", "failed"),
        ("evt_0003", "retrying"),
        ("evt_0004", "not_attempted"),
        ("evt_0005", "wrong_destination"),
        ("evt_0006", "forgotten"),
        ("evt_0007", "unknown"),
    ]
    assert one(core, "SELECT count(explained_at) FROM reconciled_events") == 6
    assert one(core, FOUND, id=run) == 6
    asked = len(api.asked)
    walk(core, leg, api)
    assert [one.list for one in api.asked[asked:]] == [ApiList.EVENTS]


def test_any_number_of_events_is_explained_step_by_step(
    core: Engine, leg: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(explaining, "A_STEP", 2)
    place_cursor(core, "evt_0001", ago(60))
    api = Lists([event(n, 60 - n) for n in range(1, 7)], a_page=5)

    walk(core, leg, api)

    explained = "SELECT count(*) FROM reconciled_events WHERE explanation = 'unknown'"
    assert one(core, explained) == 5


EXPLAINED = "SELECT explanation FROM reconciled_events"


def test_who_may_not_ask_about_deliveries_asks_again_after_a_while(
    core: Engine, leg: Events
) -> None:
    place_cursor(core, "evt_0001", ago(60))
    refused = ApiRefusedError("lacks the permission")
    missed = event(2, 30)
    api = Lists([event(1, 60), missed], errors={ApiList.NOTIFICATIONS: refused})

    run = walk(core, leg, api)

    assert one(core, EXPLAINED) is None
    assert one(core, REASON, id=run) is None
    with core.connect() as connection:
        assert refusal(connection, "paddle") == "lacks the permission"

    # Nobody is asked each minute; and once it may be asked, it is explained.
    api.errors.clear()
    api.notifications = [notification(1, missed)]
    walk(core, leg, api)
    assert one(core, EXPLAINED) is None
    with core.begin() as connection:
        connection.execute(text("UPDATE cursors SET moved_at = now() - :pause"), LATER)
    walk(core, leg, api)
    assert one(core, EXPLAINED) == "failed"
    with core.connect() as connection:
        assert refusal(connection, "paddle") == ""


def test_what_is_older_than_the_list_is_asked_about_no_more(
    core: Engine, leg: Events
) -> None:
    place_cursor(core, "evt_0001", ago(60))
    refused = ApiRefusedError("lacks the permission")
    api = Lists([event(1, 60), event(2, 30)], errors={ApiList.NOTIFICATIONS: refused})
    walk(core, leg, api)
    with core.begin() as connection:
        connection.execute(text("UPDATE cursors SET moved_at = now() - :pause"), LATER)
        connection.execute(
            text("UPDATE reconciled_events SET found_at = now() - interval '91 days'")
        )
    asked = len(api.asked)

    walk(core, leg, api)

    assert {one.list for one in api.asked[asked:]} == {ApiList.EVENTS}


def test_what_only_the_destinations_tell_waits_for_them(
    core: Engine, leg: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    place_cursor(core, "evt_0001", ago(60))
    listed = [event(1, 60), event(2, 30), event(3, 20), event(4, 10)]
    told = [notification(n, listed[n], "failed") for n in (2, 3)]
    api = Lists(listed, [notification(1, listed[1], "delivered"), *told], a_page=5)

    def refuse(_: Lists) -> list[Any]:
        raise ApiRefusedError("lacks notification_setting.read")

    with monkeypatch.context() as patched:
        patched.setattr(Lists, "destinations", refuse)
        walk(core, leg, api)
    by_event = """SELECT i.event_id, r.explanation FROM reconciled_events r
                  JOIN inbox i ON i.id = r.inbox_id ORDER BY 1"""
    assert rows(core, by_event) == [
        ("evt_0002", None),
        ("evt_0003", "failed"),
        ("evt_0004", "failed"),
    ]

    with core.begin() as connection:
        connection.execute(text("UPDATE cursors SET moved_at = now() - :pause"), LATER)
    walk(core, leg, api)
    assert rows(core, by_event)[0] == ("evt_0002", "forgotten")


@pytest.fixture
def walker(core: Engine, monkeypatch: pytest.MonkeyPatch) -> tuple[Lists, Walk]:
    """A provider's lists, and a function that runs the task over what is due."""
    api = Lists(a_page=2)
    monkeypatch.setitem(clients.APIS, "paddle", lambda *_: api)
    monkeypatch.setattr(walking, "askable", lambda _: ["paddle"])

    def work() -> None:
        """Take each run as far as it comes, a step a turn."""
        job = Job(core, RUNS, Claimant("test", "here"), settings())
        for _ in range(10):
            make_due(core, RUNS)
            with Walker(core, settings(), {RunKind.EVENTS: Events()}) as walker:
                drain_each(job, walker)

    return api, work


def test_the_task_walks_heals_and_ends_complete(
    core: Engine, walker: tuple[Lists, Walk]
) -> None:
    api, work = walker
    listed = sale(first=2)
    api.events = [event(1, 40), *listed]
    place_cursor(core, "evt_0001", ago(40))
    with core.begin() as connection:
        run = plan.start(
            connection, "paddle", RunKind.EVENTS, RunScope.RECENT, asked_by="ada"
        )

    work()
    stages = "SELECT stage, found, healed, state FROM reconciliation_runs"
    assert rows(core, stages) == [("heal", 7, 0, "pending")]
    record([], 1)
    activate([], 1)
    work()

    assert rows(core, stages) == [("heal", 7, 7, "complete")]
    assert one(core, "SELECT state FROM enrollments") == "active"
    assert run is not None
    assert one(core, REASON, id=run) is None
    before = dump(core)[:3]

    with core.begin() as connection:
        plan.start(
            connection, "paddle", RunKind.EVENTS, RunScope.RECENT, asked_by="ada"
        )
    work()
    assert rows(core, f"{stages} WHERE id <> :id", id=run) == [
        ("heal", 0, 0, "complete")
    ]
    assert dump(core)[:3] == before


def test_going_back_in_front_of_the_cursor_passes_nothing_over(
    core: Engine, leg: Events
) -> None:
    place_cursor(core, "evt_0001", ago(60))
    api = Lists([event(n, 61 - 10 * n) for n in range(1, 6)])

    run = walk(core, leg, api, since=ago(15), position="<")

    assert one(core, FOUND, id=run) == 4
