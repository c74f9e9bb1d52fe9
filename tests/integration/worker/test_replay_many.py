"""All letters of a kind at once: what is meant, in order, by parts, on record."""

from collections.abc import Callable, Iterator, Sequence

import pytest
from sqlalchemy import Engine

from tests.factories import add_work, change, one, rows
from tests.outgoing import add_notification
from worker.dead_letters import Burial, StrayMessage, bury, file_message
from worker.failures import Failure, Verdict
from worker.replay_many import Kind, Part, discard_many, open_letters, replay_many
from worker.work_tables import INBOX, NOTIFICATIONS, Claimant

PLACE = "worker/ledger.py:12 write"
MALFORMED = Failure(Verdict.PERMANENT, "MalformedPayloadError", "no id", place=PLACE)
ODD = Failure(Verdict.PERMANENT, "OddError", "odd")


def die(engine: Engine, ids: Sequence[int], failure: Failure) -> None:
    change(engine, ids, "state", "dead")
    with engine.begin() as connection:
        burials = [Burial(row, 1, failure) for row in ids]
        bury(connection, INBOX, Claimant("t", "w"), burials)


def letters_of(engine: Engine, kind: Kind) -> list[int]:
    with engine.connect() as connection:
        return open_letters(connection, kind)


def stray(engine: Engine) -> None:
    message = StrayMessage("ab", b"{}", "x", None, "w", "UnknownTask", "no such task")
    with engine.begin() as connection:
        file_message(connection, message)


@pytest.mark.parametrize(
    ("kind", "count"),
    [
        (Kind(), 6),
        (Kind(task="events.record"), 5),
        (Kind(error_class="MalformedPayloadError"), 3),
        (Kind("events.record", "OddError"), 2),
        (Kind(place=PLACE), 3),
        (Kind("notifications.send", "OddError"), 0),
    ],
)
def test_a_kind_means_the_open_letters_that_fit(
    engine: Engine, kind: Kind, count: int
) -> None:
    ids = add_work(engine, 5)
    die(engine, ids[:3], MALFORMED)
    die(engine, ids[3:], ODD)
    stray(engine)

    assert len(letters_of(engine, kind)) == count


def test_a_thousand_rows_are_pending_again_in_their_order(engine: Engine) -> None:
    ids = add_work(engine, 1001)
    # Filed in another order than the rows have.
    die(engine, ids[500:], MALFORMED)
    die(engine, ids[:500], MALFORMED)

    parts = list(replay_many(engine, letters_of(engine, Kind("events.record"))))

    assert [len(part.rows[INBOX]) for part in parts] == [500, 500, 1]
    assert [row for part in parts for row in part.rows[INBOX]] == ids
    due = rows(engine, "SELECT id FROM inbox ORDER BY next_attempt_at, id")
    assert [row for (row,) in due] == ids
    assert rows(
        engine, "SELECT state, generation, count(*) FROM inbox GROUP BY 1, 2"
    ) == [("pending", 2, 1001)]
    assert one(
        engine, "SELECT count(*) FROM dead_letters WHERE state = 'replayed'"
    ) == (1001)


def test_each_letter_is_on_record(engine: Engine) -> None:
    ids = add_work(engine, 2)
    die(engine, ids, MALFORMED)

    list(replay_many(engine, letters_of(engine, Kind("events.record"))))

    assert rows(
        engine,
        "SELECT action, target, detail->>'error' FROM operator_actions ORDER BY 2",
    ) == [
        ("dead letter replayed", f"inbox:{row}", "MalformedPayloadError") for row in ids
    ]


def test_tables_are_locked_in_the_same_order_whoever_died_first(
    engine: Engine,
) -> None:
    with engine.begin() as connection:
        mail = add_notification(connection, state=NOTIFICATIONS.dead)
        bury(connection, NOTIFICATIONS, Claimant("t", "w"), [Burial(mail, 1, ODD)])
    die(engine, add_work(engine, 1), ODD)

    (part,) = replay_many(engine, letters_of(engine, Kind()))

    assert list(part.rows) == [INBOX, NOTIFICATIONS]


def test_what_cannot_be_replayed_stays_open(engine: Engine) -> None:
    ids = add_work(engine, 2)
    die(engine, ids, MALFORMED)
    change(engine, ids[:1], "state", "processed")
    stray(engine)

    (part,) = replay_many(engine, letters_of(engine, Kind()))

    assert (part.letters, part.closed, part.rows) == (3, 1, {INBOX: [ids[1]]})
    assert rows(
        engine, "SELECT subject FROM dead_letters WHERE state = 'open' ORDER BY 1"
    ) == [(f"inbox:{ids[0]}",), ("message:ab",)]


def test_a_letter_that_somebody_closed_meanwhile_is_not_closed_again(
    engine: Engine,
) -> None:
    die(engine, add_work(engine, 3), MALFORMED)
    letters = letters_of(engine, Kind("events.record"))

    first = sum(part.closed for part in replay_many(engine, letters[:1]))
    second = sum(part.closed for part in replay_many(engine, letters))

    assert (first, second) == (1, 2)
    assert one(engine, "SELECT max(generation) FROM inbox") == 2
    assert one(engine, "SELECT count(*) FROM operator_actions") == 3


def test_an_interrupted_replay_leaves_whole_parts(engine: Engine) -> None:
    die(engine, add_work(engine, 1001), MALFORMED)

    parts = replay_many(engine, letters_of(engine, Kind("events.record")))
    next(parts)
    del parts

    assert one(engine, "SELECT count(*) FROM inbox WHERE state = 'pending'") == 500
    assert one(engine, "SELECT count(*) FROM dead_letters WHERE state = 'open'") == 501


def test_discarded_letters_rest_and_their_rows_stay_dead(engine: Engine) -> None:
    die(engine, add_work(engine, 2), MALFORMED)
    stray(engine)

    (part,) = discard_many(engine, letters_of(engine, Kind()))

    assert part.closed == 3
    assert rows(engine, "SELECT DISTINCT state FROM dead_letters") == [("discarded",)]
    assert rows(engine, "SELECT DISTINCT state FROM inbox") == [("dead",)]
    assert one(engine, "SELECT count(*) FROM operator_actions") == 3


@pytest.mark.parametrize("deed", [replay_many, discard_many])
def test_what_died_of_something_else_meanwhile_was_not_agreed_to(
    engine: Engine, deed: Callable[..., Iterator[Part]]
) -> None:
    ids = add_work(engine, 2)
    die(engine, ids, MALFORMED)
    kind = Kind("events.record", "MalformedPayloadError", PLACE)
    agreed = letters_of(engine, kind)
    # While the operator reads: somebody replays one, and it dies again.
    die(engine, ids[:1], ODD)

    assert sum(part.closed for part in deed(engine, agreed, kind)) == 1

    left = "SELECT error_class FROM dead_letters WHERE state = 'open'"
    assert one(engine, left) == "OddError"
