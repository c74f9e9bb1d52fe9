"""Dead letters by kind, as an operator types it after an alert."""

import json
import shlex
from collections.abc import Callable

import pytest
from redis import Redis
from sqlalchemy import Engine
from typer.testing import CliRunner, Result

from tests.factories import add_work, change, one, rows
from worker.alerts.dead_letters import DeadLetters
from worker.alerts.inert import inert
from worker.cli.deadletters import group
from worker.dead_letters import Burial, bury
from worker.errors import PaddlewheelError
from worker.failures import Failure, Verdict
from worker.settings import settings
from worker.work_tables import INBOX, Claimant

Run = Callable[..., Result]
KIND = ("--task", "events.record", "--error", "OddError")


@pytest.fixture
def run(core: Engine, broker: Redis) -> Run:
    """Return a function that runs the command on the session's servers."""
    del core, broker
    return lambda *words: CliRunner().invoke(group, words)


@pytest.fixture
def dead(core: Engine) -> list[int]:
    """Three rows that died of one thing, and one that died of another."""
    ids = add_work(core, 4)
    change(core, ids, "state", "dead")
    odd = Failure(Verdict.PERMANENT, "OddError", "odd", place="worker/odd.py:7 f")
    even = Failure(Verdict.PERMANENT, "EvenError", "even")
    burials = [Burial(row, 1, odd) for row in ids[:3]] + [Burial(ids[3], 1, even)]
    with core.begin() as connection:
        bury(connection, INBOX, Claimant("t", "w"), burials)
    return ids


def pending(engine: Engine) -> list[int]:
    found = rows(engine, "SELECT id FROM inbox WHERE state = 'pending' ORDER BY id")
    return [row for (row,) in found]


def test_the_list_shows_one_kind_and_its_place(run: Run, dead: list[int]) -> None:
    listed = json.loads(run("list", "--json", *KIND).output)

    assert sorted(letter["row_id"] for letter in listed) == dead[:3]
    assert {letter["place"] for letter in listed} == {"worker/odd.py:7 f"}
    shown = json.loads(run("show", "--json", str(listed[0]["id"])).output)
    assert shown["place"] == "worker/odd.py:7 f"
    assert json.loads(run("list", "--json", "--place", "elsewhere").output) == []


def test_a_kind_is_replayed_with_one_command_and_rung_for_once(
    run: Run, core: Engine, dead: list[int], broker: Redis
) -> None:
    result = run("replay", *KIND, "--yes")

    assert "3 dead letters replayed" in result.output
    assert "left alone" not in result.output
    assert pending(core) == dead[:3]
    assert broker.llen("critical") == 1


@pytest.mark.parametrize("place", ["worker/odd.py:7 <lambda>", "a@b.py:1 f", ""])
def test_a_command_copied_from_a_message_means_its_kind(
    run: Run, core: Engine, place: str
) -> None:
    ids = add_work(core, 2)
    change(core, ids, "state", "dead")
    die(core, ids[:1], place)
    die(core, ids[1:], "worker/odd.py:7 f")
    with core.connect() as connection:
        found = DeadLetters().look(connection, settings())
        [steps] = [
            f.next_steps for f in found if f.subject.endswith(place or "OddError")
        ]
    [command] = [step for step in map(inert, steps) if " replay " in step]
    assert place == "" or place not in command

    result = run(*shlex.split(command)[2:], "--yes")

    assert "1 dead letter replayed" in result.output
    assert pending(core) == ids[:1]


def die(engine: Engine, ids: list[int], place: str) -> None:
    why = Failure(Verdict.PERMANENT, "OddError", "odd", place=place)
    with engine.begin() as connection:
        bury(
            connection, INBOX, Claimant("t", "w"), [Burial(row, 1, why) for row in ids]
        )


def test_a_kind_is_discarded_with_one_command(
    run: Run, core: Engine, dead: list[int]
) -> None:
    assert "3 dead letters discarded" in run("discard", *KIND, "--yes").output
    assert pending(core) == []
    assert one(core, "SELECT count(*) FROM dead_letters WHERE state = 'open'") == 1
    assert len(dead) == 4


@pytest.mark.parametrize("verb", ["replay", "discard"])
@pytest.mark.usefixtures("dead")
def test_nothing_is_done_before_the_number_was_agreed_to(
    run: Run, core: Engine, verb: str
) -> None:
    result = run(verb, *KIND)

    assert isinstance(result.exception, PaddlewheelError)
    assert "3 dead letters: add --yes" in str(result.exception)
    assert one(core, "SELECT count(*) FROM dead_letters WHERE state = 'open'") == 4


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["replay"], "Name a letter, or a kind"),
        (["discard"], "Name a letter, or a kind"),
        (["replay", "1", *KIND], "not both"),
        (["replay", "--error", "NoSuchError", "--yes"], "No open dead letter"),
    ],
)
@pytest.mark.usefixtures("dead")
def test_what_is_unclear_is_a_sentence(
    run: Run, core: Engine, words: list[str], said: str
) -> None:
    assert said in str(run(*words).exception)
    assert pending(core) == []


def test_what_is_left_alone_is_told(run: Run, core: Engine, dead: list[int]) -> None:
    change(core, dead[:1], "state", "processed")

    output = run("replay", *KIND, "--yes").output

    assert "2 dead letters replayed" in output
    assert "1 dead letter left alone" in output
    assert pending(core) == dead[1:3]


def test_one_letter_is_still_replayed_by_its_number(
    run: Run, core: Engine, dead: list[int]
) -> None:
    letter = one(core, "SELECT id FROM dead_letters WHERE row_id = :row", row=dead[3])

    assert "is pending again" in run("replay", str(letter)).output
    assert pending(core) == dead[3:]
