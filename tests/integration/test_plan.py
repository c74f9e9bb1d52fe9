"""What reconciliation starts, and when: decided from the runs that there were."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from models.reconciliation import RunKind, RunScope
from tests.factories import one, rows
from worker.failures import failure_of
from worker.providers.errors import AnotherAccountError
from worker.reconciliation import plan
from worker.reconciliation.plan import NOBODY, due, nightly, start
from worker.settings import Settings

OBJECTS = ("adjustments", "customers", "subscriptions", "transactions")
EVERYTHING = sorted(
    [
        ("", "access", "all"),
        ("", "access", "recent"),
        ("paddle", "events", "recent"),
        *(("paddle", kind, scope) for kind in OBJECTS for scope in ("all", "recent")),
    ]
)
#: The place of the list of events; what it is does not matter here.
POSITION = "evt_somewhere"
PENDING = (
    "SELECT provider, kind, scope FROM reconciliation_runs WHERE state = 'pending'"
    " ORDER BY 1, 2, 3"
)


@pytest.fixture
def config(
    core: Engine, configured: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> Settings:
    del core
    monkeypatch.setattr(plan, "_position", lambda *_: POSITION)
    return configured(paddle_api_key="pdl_sdbx_x", paddle_environment="sandbox")


def look(engine: Engine, config: Settings) -> list[tuple[str, str]]:
    """Start what is due, and return it."""
    with engine.begin() as connection:
        started = due(connection, config)
    return rows(
        engine,
        "SELECT kind, scope FROM reconciliation_runs WHERE id = ANY(:ids)"
        " ORDER BY kind, scope",
        ids=started,
    )


def end(engine: Engine, where: str = "true", *, state: str = "complete") -> None:
    change(
        engine,
        f"state = '{state}', finished_at = now()",
        f"state = 'pending' AND {where}",
    )


def change(engine: Engine, values: str, where: str = "true") -> None:
    with engine.begin() as connection:
        statement = f"UPDATE reconciliation_runs SET {values} WHERE {where}"
        connection.execute(text(statement))


def pass_(engine: Engine, span: str, where: str = "true") -> None:
    """Let the runs be older, as after a while."""
    change(
        engine,
        f"created_at = created_at - interval '{span}',"
        f" finished_at = finished_at - interval '{span}'",
        where,
    )


def settle(engine: Engine, config: Settings) -> None:
    """Let everything run once, and our rows be compared after it."""
    look(engine, config)
    end(engine)
    look(engine, config)
    end(engine)


def now(engine: Engine) -> datetime:
    with engine.connect() as connection:
        moment: datetime = connection.execute(text("SELECT now()")).scalar_one()
    return moment


def at_another_hour(engine: Engine, config: Settings) -> Settings:
    """Return settings whose night is half a day away."""
    hour = (now(engine).astimezone(UTC).hour + 12) % 24
    return config.model_copy(update={"reconcile_hour": hour})


def test_first_everything_is_due_and_then_nothing(
    core: Engine, config: Settings
) -> None:
    look(core, config)
    assert rows(core, PENDING) == EVERYTHING

    assert look(core, config) == []
    end(core)
    config = at_another_hour(core, config)
    assert look(core, config) == [("access", "all")]
    end(core)
    assert look(core, config) == []


def test_only_who_has_a_key_is_asked_and_nobody_with_billing_off(
    core: Engine, config: Settings
) -> None:
    off = config.model_copy(update={"paddle_billing_enabled": False})
    assert look(core, off) == []

    without = config.model_copy(update={"paddle_api_key": None})
    assert look(core, without) == [("access", "all"), ("access", "recent")]


def test_one_of_each_is_pending_at_most(core: Engine, config: Settings) -> None:
    del config
    what = ("paddle", RunKind.TRANSACTIONS, RunScope.RECENT)
    with core.begin() as connection:
        first = start(connection, *what, asked_by="ada", mails=False)
    with core.begin() as connection:
        assert first is not None
        assert start(connection, *what, asked_by="beat") is None
        assert start(connection, *what[:2], RunScope.ALL, asked_by="beat") is not None

    query = "SELECT asked_by, mails FROM reconciliation_runs WHERE id = :id"
    assert rows(core, query, id=first) == [("ada", False)]


def test_of_two_that_start_at_once_one_does(
    core: Engine, sessions: Callable[[], Engine]
) -> None:
    what: dict[str, Any] = {"provider": NOBODY, "kind": "access", "scope": "all"}
    values = {"asked_by": "beat", "since": None, "mails": True, "position": ""}
    with core.begin() as connection:
        # As one that has looked before the other's run was there.
        first = connection.execute(plan._START, what | values).scalar_one_or_none()
    with sessions().begin() as connection:
        second = connection.execute(plan._START, what | values).scalar_one_or_none()

    assert first is not None
    assert second is None


def test_the_list_of_events_begins_where_its_cursor_stands(
    core: Engine, config: Settings
) -> None:
    look(core, config)

    query = "SELECT position FROM reconciliation_runs WHERE kind = 'events'"
    assert rows(core, query) == [(POSITION,)]


@pytest.mark.parametrize(
    ("span", "started"),
    [
        ("50 seconds", []),
        ("70 seconds", [("events", "recent")]),
        ("16 minutes", [("access", "recent"), ("events", "recent")]),
        (
            "61 minutes",
            [
                ("access", "recent"),
                ("adjustments", "recent"),
                ("customers", "recent"),
                ("events", "recent"),
                ("subscriptions", "recent"),
                ("transactions", "recent"),
            ],
        ),
    ],
)
def test_each_kind_has_its_own_pace(
    core: Engine, config: Settings, span: str, started: list[tuple[str, str]]
) -> None:
    config = at_another_hour(core, config)
    settle(core, config)
    pass_(core, span)

    assert look(core, config) == started


def test_however_many_ticks_were_missed_a_run_is_started_once(
    core: Engine, config: Settings
) -> None:
    look(core, config)
    end(core)
    pass_(core, "9 days")

    look(core, config)
    assert rows(core, PENDING) == EVERYTHING


def test_everything_is_compared_once_a_night_and_our_rows_after_it(
    core: Engine, config: Settings
) -> None:
    config = at_another_hour(core, config)
    settle(core, config)
    pass_(core, "14 hours", "scope = 'all'")

    assert look(core, config) == [(kind, "all") for kind in ("access", *OBJECTS)]
    assert look(core, config) == []
    end(core, "kind <> 'customers'")
    assert look(core, config) == []
    end(core)
    assert look(core, config) == [("access", "all")]


@pytest.mark.parametrize(
    ("hour", "moment"),
    [(2, (5, 2)), (13, (5, 13)), (14, (4, 14)), (23, (4, 23)), (0, (5, 0))],
)
def test_the_last_night_is_today_or_yesterday(
    hour: int, moment: tuple[int, int]
) -> None:
    noon = datetime(2026, 3, 5, 13, 30, tzinfo=UTC)
    assert nightly(noon, hour) == datetime(2026, 3, *moment, tzinfo=UTC)


def test_a_look_at_recent_changes_overlaps_the_last_complete_one(
    core: Engine, config: Settings
) -> None:
    config = at_another_hour(core, config)
    look(core, config)
    ours = "kind = 'transactions' AND scope = 'recent'"
    since = (
        f"SELECT since, created_at FROM reconciliation_runs WHERE {ours} ORDER BY id"
    )
    (first,) = rows(core, since)
    assert first[0] == first[1] - timedelta(days=1)

    end(core)
    pass_(core, "2 hours")
    look(core, config)
    complete, second = rows(core, since)
    assert second[0] == complete[1] - timedelta(hours=1)

    # What could not be looked at whole is looked at again from where it began.
    end(core, state="partial")
    pass_(core, "2 hours")
    look(core, config)
    complete, _, third = rows(core, since)
    assert third[0] == complete[1] - timedelta(hours=1)


def test_what_an_operator_asks_for_from_a_time_on_moves_no_bound(
    core: Engine, config: Settings
) -> None:
    config = at_another_hour(core, config)
    settle(core, config)
    ours = "kind = 'transactions' AND scope = 'recent'"
    complete = f"SELECT created_at FROM reconciliation_runs WHERE {ours}"
    pass_(core, "30 minutes")
    before = one(core, complete)
    with core.begin() as connection:
        what = ("paddle", RunKind.TRANSACTIONS, RunScope.RECENT)
        since = now(core) - timedelta(minutes=5)
        start(connection, *what, asked_by="ada", since=since)
    end(core)
    pass_(core, "61 minutes")

    look(core, config)
    newest = (
        f"SELECT since FROM reconciliation_runs WHERE {ours} ORDER BY id DESC LIMIT 1"
    )
    assert one(core, newest) == before - timedelta(minutes=61) - timedelta(hours=1)


def test_only_recent_changes_have_a_bound(core: Engine, config: Settings) -> None:
    look(core, config)

    bound = "SELECT DISTINCT scope FROM reconciliation_runs WHERE since IS NOT NULL"
    assert rows(core, bound) == [("recent",)]


def test_a_failed_run_is_started_again_in_its_turn(
    core: Engine, config: Settings
) -> None:
    config = at_another_hour(core, config)
    settle(core, config)
    change(core, "state = 'failed'")

    assert look(core, config) == []
    pass_(core, "70 seconds")
    assert look(core, config) == [("events", "recent")]


def test_nothing_is_compared_with_the_account_of_another_shop(
    core: Engine, config: Settings
) -> None:
    config = at_another_hour(core, config)
    settle(core, config)
    pass_(core, "25 hours")
    change(core, "state = 'pending', finished_at = NULL", "kind = 'events'")
    wrong = AnotherAccountError("whose?")
    change(core, f"last_error = '{failure_of(wrong).sentence}'", "kind = 'events'")

    assert look(core, config) == [("access", "all"), ("access", "recent")]

    change(core, "last_error = NULL", "kind = 'events'")
    assert ("transactions", "all") in look(core, config)
