"""Dead letters as alerts: one for each task, error class and place, however many."""

import shlex
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine, event, text

from models.alerts import Severity
from tests.factories import add_events, add_work, one
from tests.outgoing import add_notification
from tests.purchases import purchase
from worker.alerts.bodies import MOST_BODIES
from worker.alerts.condition import Finding
from worker.alerts.dead_letters import FURTHER, WORDS, DeadLetters
from worker.alerts.letter_kinds import MOST_KINDS
from worker.alerts.lives import MOST_SUBJECT_CHARS, subject_of
from worker.alerts.stakes import Stakes
from worker.dead_letters import Burial, StrayMessage, bury, file_message
from worker.failures import Failure, Verdict
from worker.replay_many import Kind, open_letters
from worker.settings import settings
from worker.work_tables import (
    INBOX,
    NOTIFICATIONS,
    WORK_TABLES,
    Claimant,
    WorkTable,
)

PLACE = "worker/providers/paddle/payload.py:31 items"
HOSTILE = "<b>x\u202e\x07\n'; rm -rf ~ #" + "y" * 10_000


def failure(error_class: str = "MalformedPayloadError", **facts: Any) -> Failure:
    values = {"error": "data.items is missing", "place": PLACE} | facts
    return Failure(Verdict.PERMANENT, error_class, **values)


def die(
    engine: Engine, ids: Sequence[int], why: Failure, table: WorkTable = INBOX
) -> None:
    with engine.begin() as connection:
        burials = [Burial(row, 1, why) for row in ids]
        bury(connection, table, Claimant("t", "w"), burials)


def put_aside(engine: Engine, *names: str | None) -> None:
    """File messages as they would stand there if nobody had cleaned their names."""
    with engine.begin() as connection:
        for number, name in enumerate(names):
            stray = StrayMessage(
                f"{number}", b"", name, None, "w", "UnknownTask", "no such task"
            )
            file_message(connection, stray)


def look(engine: Engine) -> list[Finding]:
    with engine.connect() as connection:
        return list(DeadLetters().look(connection, settings()))


def stakes(engine: Engine, subject: str) -> Stakes:
    with engine.connect() as connection:
        return DeadLetters().stakes(connection, subject)


def test_no_letter_is_no_trouble(core: Engine) -> None:
    assert look(core) == []


def test_a_thousand_rows_of_one_death_are_one_finding(core: Engine) -> None:
    ids = add_work(core, 1000)
    die(core, ids, failure())

    (found,) = look(core)

    assert found.summary == (
        "1,000 events could not be recorded, last: MalformedPayloadError"
        f" at {PLACE}: data.items is missing"
    )
    assert (found.count, found.severity) == (1000, Severity.CRITICAL)
    assert found.since == one(core, "SELECT min(created_at) FROM dead_letters")
    assert found.subject == f"events.record MalformedPayloadError {PLACE}"


def test_task_class_and_place_each_make_another_kind(core: Engine) -> None:
    ids = add_work(core, 3)
    die(core, ids[:1], failure())
    die(core, ids[1:2], failure("OddError"))
    die(core, ids[2:], failure(place="worker/ledger.py:9 write"))
    with core.begin() as connection:
        mail = add_notification(connection)
    die(core, [mail], failure(), NOTIFICATIONS)

    found = look(core)

    assert len({finding.subject for finding in found}) == len(found) == 4
    assert {finding.count for finding in found} == {1}
    assert sorted(finding.severity for finding in found) == [
        *[Severity.CRITICAL] * 3,
        Severity.WARNING,
    ]


def test_closed_letters_are_nobodys_trouble(core: Engine) -> None:
    die(core, add_work(core, 2), failure())
    with core.begin() as connection:
        connection.execute(
            text("""
            UPDATE dead_letters SET state = 'discarded'
            WHERE id = (SELECT min(id) FROM dead_letters)
            """)
        )

    assert [finding.count for finding in look(core)] == [1]


def test_the_newest_letter_is_quoted_and_shown(core: Engine) -> None:
    ids = add_work(core, 2)
    die(core, ids[:1], failure(error="data.id is missing"))
    die(core, ids[1:], failure(error="data.items is missing"))

    (found,) = look(core)

    newest = one(core, "SELECT max(id) FROM dead_letters")
    assert found.summary.endswith(": data.items is missing")
    assert found.next_steps[0] == f"./paddlewheel deadletters show {newest}"


def test_the_commands_name_the_whole_kind(core: Engine) -> None:
    die(core, add_work(core, 1), failure())

    _, replay, discard = look(core)[0].next_steps

    options = [
        *("--task", "events.record", "--error", "MalformedPayloadError"),
        *("--place", PLACE),
    ]
    assert shlex.split(replay) == ["./paddlewheel", "deadletters", "replay", *options]
    assert shlex.split(discard)[-6:] == options
    assert options == options_of("events.record", "MalformedPayloadError", PLACE)


def test_a_foreign_errors_place_is_told_once(core: Engine) -> None:
    die(core, add_work(core, 1), failure("KeyError", error=f"at {PLACE}"))

    assert look(core)[0].summary == (
        f"1 event could not be recorded: KeyError: at {PLACE}"
    )


def test_messages_are_warnings_and_cannot_be_replayed(core: Engine) -> None:
    put_aside(core, "cards.charge", "cards.charge", None)

    named, nameless = sorted(look(core), key=lambda finding: -finding.count)

    assert named.summary == (
        "2 messages for “cards.charge” cannot be run: UnknownTask: no such task"
    )
    assert "for no task" in nameless.summary
    assert {named.severity, nameless.severity} == {Severity.WARNING}
    assert not any("replay" in step for step in named.next_steps)
    assert stakes(core, named.subject) == Stakes()


def test_names_of_strangers_are_short_harmless_and_told_apart(core: Engine) -> None:
    put_aside(core, HOSTILE, HOSTILE + "z")

    found = look(core)

    assert len({subject_of(finding) for finding in found}) == 2
    for finding in found:
        subject = subject_of(finding)
        shown = finding.summary + subject + "".join(finding.next_steps)
        assert shown.isprintable()
        assert len(subject) <= MOST_SUBJECT_CHARS + 20
        assert len(finding.summary) < 500
        assert not any("rm -rf" in step for step in finding.next_steps)
    assert look(core) == found


def test_a_name_with_a_blank_or_quote_stays_one_word_of_a_command(core: Engine) -> None:
    name = "cards; rm -rf ~ '"
    put_aside(core, name)

    (_, discard) = look(core)[0].next_steps

    assert shlex.split(discard)[3:] == options_of(name, "UnknownTask", "")


def options_of(task: str, error: str, place: str) -> list[str]:
    return ["--task", task, "--error", error, "--place", place]


def meant_by(engine: Engine, command: str) -> list[int]:
    """Return the rows whose letters a command that was copied is about."""
    _, task, _, error, _, place = shlex.split(command)[3:]
    with engine.connect() as connection:
        letters = open_letters(connection, Kind(task, error, place))
        query = text("SELECT row_id FROM dead_letters WHERE id = ANY(:ids)")
        return list(connection.execute(query, {"ids": letters}).scalars())


def test_a_kind_without_a_place_is_not_every_place(core: Engine) -> None:
    ids = add_work(core, 2)
    die(core, ids[:1], failure("Poison", place=""))
    die(core, ids[1:], failure("Poison"))

    commands = {finding.subject: finding.next_steps[1] for finding in look(core)}

    assert meant_by(core, commands["events.record Poison"]) == ids[:1]
    assert meant_by(core, commands[f"events.record Poison {PLACE}"]) == ids[1:]


def test_messages_without_a_task_are_never_all_messages(core: Engine) -> None:
    put_aside(core, None)

    letter = one(core, "SELECT id FROM dead_letters")
    assert look(core)[0].next_steps == (
        f"./paddlewheel deadletters show {letter}",
        "./paddlewheel deadletters list",
    )


def test_a_kind_whose_name_is_cut_still_touches_its_buyers(core: Engine) -> None:
    ids = add_events(core, purchase())
    die(core, ids, failure(place="worker/far/" * 30 + "away.py:1 read"))

    [finding] = look(core)

    assert subject_of(finding) != finding.subject
    assert stakes(core, subject_of(finding)).learners == 1


def test_strangers_cannot_crowd_out_our_own(core: Engine) -> None:
    put_aside(core, *(f"a{n:04}" for n in range(MOST_KINDS + 9)))
    die(core, add_work(core, 1), failure())

    found = look(core)

    assert len(found) == MOST_KINDS + 1
    assert found[0].subject.startswith("events.record")
    assert (found[-1].subject, found[-1].count) == (FURTHER, 10)
    assert found[-1].summary == "… and 10 further kinds: 10 dead letters"
    assert stakes(core, FURTHER) == Stakes()


def test_it_touches_the_buyers_of_the_rows(core: Engine) -> None:
    ids = add_events(core, purchase())
    die(core, ids, failure())

    touched = stakes(core, look(core)[0].subject)

    assert touched.learners == 1
    assert list(touched.money) == ["USD"]


def test_of_very_many_rows_the_figures_are_at_least(core: Engine) -> None:
    die(core, add_work(core, MOST_BODIES + 1), failure())

    assert stakes(core, look(core)[0].subject).capped


def test_a_kind_that_is_gone_touches_nobody(core: Engine) -> None:
    assert stakes(core, f"events.record MalformedPayloadError {PLACE}") == Stakes()


def test_the_index_of_open_letters_is_all_that_is_read(core: Engine) -> None:
    die(core, add_work(core, 3000), failure())
    with core.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE dead_letters"))

    ran: list[tuple[str, Any]] = []

    @event.listens_for(core, "before_cursor_execute")
    def note(*arguments: Any) -> None:
        ran.append(arguments[2:4])

    with core.connect() as connection:
        list(DeadLetters().look(connection, settings()))
        event.remove(core, "before_cursor_execute", note)
        ((statement, parameters),) = ran
        plan = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).scalars()
        shown = "\n".join(plan)
    assert "Index Only Scan using ix_dead_letters_open" in shown, shown
    assert "Seq Scan" not in shown, shown


def test_every_table_has_words() -> None:
    assert set(WORDS) == set(WORK_TABLES)
