"""``rows.prune``: what told how things went goes when it is old; what decides stays."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from models.operations import LetterState
from models.reconciliation import RunScope
from tasks.prune import prune_rows
from tests.factories import one, rows
from tests.reconciling import add_run
from worker import pruning

KEPT = "SELECT reason FROM reconciliation_runs ORDER BY reason"


def ended(engine: Engine, name: str, age: str, **values: Any) -> int:
    """Add a run of the list of events that ended so long ago."""
    run = add_run(engine, **{"reason": name, "state": "complete", **values})
    with engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE reconciliation_runs SET created_at = now() - CAST(:age AS"
                " interval), finished_at = now() - CAST(:age AS interval)"
                " WHERE id = :id"
            ),
            {"id": run, "age": age},
        )
    return run


def put_in(engine: Engine, run: int, inbox_id: int, *, mails: bool = True) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO reconciled_events (inbox_id, run_id, reason, mails)"
                " VALUES (:inbox, :run, 'missed', :mails)"
            ),
            {"inbox": inbox_id, "run": run, "mails": mails},
        )


def test_a_run_that_found_nothing_goes_after_a_day_and_any_other_after_90(
    core: Engine,
) -> None:
    cases: list[tuple[str, dict[str, Any], bool]] = [
        ("23 hours", {}, True),
        ("25 hours", {}, False),
        ("89 days", {"found": 1}, True),
        ("91 days", {"found": 1}, False),
        ("89 days", {"healed": 1}, True),
        ("89 days", {"state": "partial"}, True),
        ("91 days", {"state": "partial"}, False),
        ("89 days", {"state": "failed"}, True),
        ("91 days", {"state": "failed"}, False),
        ("91 days", {"state": "pending"}, True),
    ]
    for age, values, _ in cases:
        ended(core, f"{age} {values}", age, **values)
    ended(core, "later", "1 minute")

    assert prune_rows() == "nothing left"
    stay = [f"{age} {values}" for age, values, stays in cases if stays]
    assert {name for (name,) in rows(core, KEPT)} == {*stay, "later"}


def test_the_last_of_a_kind_and_its_last_complete_one_stay(core: Engine) -> None:
    ended(core, "1 complete", "400 days")
    ended(core, "2 last complete", "300 days")
    ended(core, "3 partial", "200 days", state="partial")
    ended(core, "4 last", "100 days", state="partial")
    ended(core, "of another kind", "400 days", scope=RunScope.ALL)

    prune_rows()

    kept = [("2 last complete",), ("4 last",), ("of another kind",)]
    assert rows(core, KEPT) == kept


def test_what_an_operator_asked_for_from_a_time_on_is_not_the_last_complete_one(
    core: Engine,
) -> None:
    ended(core, "1 whole", "400 days")
    since = datetime.now(UTC) - timedelta(days=310)
    ended(core, "2 from a time on", "300 days", asked_by="ada", since=since)
    ended(core, "3 last", "100 days", state="partial")

    prune_rows()

    assert rows(core, KEPT) == [("1 whole",), ("3 last",)]


def test_what_a_run_put_into_the_inbox_is_forgotten_with_it(core: Engine) -> None:
    old = ended(core, "old", "91 days", found=1)
    young = ended(core, "young", "89 days", found=1)
    ended(core, "later", "1 minute")
    put_in(core, old, 1)
    put_in(core, young, 2)

    prune_rows()

    assert rows(core, KEPT) == [("later",), ("young",)]
    assert rows(core, "SELECT run_id FROM reconciled_events") == [(young,)]


def test_a_run_that_holds_mails_back_stays(core: Engine) -> None:
    run = ended(core, "it", "400 days", found=1)
    ended(core, "later", "1 minute")
    put_in(core, run, 1)
    put_in(core, run, 2, mails=False)

    prune_rows()

    assert one(core, "SELECT count(*) FROM reconciled_events") == 2


@pytest.mark.parametrize("state", LetterState)
def test_a_run_that_an_open_dead_letter_stands_for_stays(
    core: Engine, state: LetterState
) -> None:
    run = ended(core, "it", "91 days", state="failed")
    ended(core, "later", "1 minute")
    with core.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO dead_letters (subject, work_table, row_id, state,"
                " error_class, error) VALUES ('reconciliation_runs:' || :id,"
                " 'reconciliation_runs', :id, :state, 'E', 'e')"
            ),
            {"id": run, "state": state},
        )

    prune_rows()

    assert (("it",) in rows(core, KEPT)) == (state is LetterState.OPEN)


def test_counts_of_deliveries_go_after_90_days_however_many(
    core: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "MOST", 2)
    monkeypatch.setattr("tasks.prune.MOST", 2)
    with core.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO delivery_counts (minute, provider, outcome, reason, deliveries)"
            " SELECT now() - day * interval '1 day', 'paddle', 'stored', '', 1"
            " FROM generate_series(85, 95) AS day"
        )

    assert prune_rows() == "nothing left"
    assert one(core, "SELECT count(*) FROM delivery_counts") == 5


@pytest.mark.parametrize("state", [LetterState.OPEN, LetterState.DISCARDED])
def test_what_a_letter_keeps_of_a_message_goes_after_a_day_and_the_letter_stays(
    core: Engine, state: LetterState
) -> None:
    with core.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO dead_letters"
                " (subject, state, error_class, error, message, created_at)"
                " SELECT hours, :state, 'UnknownTask', 'e', 'ada@example.com',"
                "  now() - hours * interval '1 hour' FROM unnest(ARRAY[23, 25]) hours"
            ),
            {"state": state},
        )

    assert prune_rows() == "nothing left"

    kept = "SELECT subject, state, message FROM dead_letters ORDER BY subject"
    assert rows(core, kept) == [("23", state, b"ada@example.com"), ("25", state, None)]


def test_checkouts_go_90_days_after_their_end(
    core: Engine,
) -> None:
    with core.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO checkouts"
            " (provider, reference, owner, wanted, state, finished_at)"
            " SELECT 'paddle', state || ' ' || days, 'user-42', '{}', state,"
            "  CASE WHEN state <> 'pending' THEN now() - days * interval '1 day' END"
            " FROM unnest(ARRAY[89, 91]) days, unnest("
            "  ARRAY['pending', 'opened', 'refused', 'abandoned', 'dead']) state"
        )

    assert prune_rows() == "nothing left"

    known = "SELECT reference FROM checkouts ORDER BY reference"
    assert [name for (name,) in rows(core, known)] == [
        "abandoned 89",
        "dead 89",
        "opened 89",
        "pending 89",
        "pending 91",
        "refused 89",
    ]
