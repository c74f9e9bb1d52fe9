"""Messages as an operator sees them, and sends them again."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import Connection, Engine, insert, text
from typer.testing import CliRunner, Result

from models.notices import ChannelName
from models.people import IdentityKind
from models.tables.people import LearnerIdentity
from tests import outgoing
from tests.factories import rows
from worker.cli import notices
from worker.cli.notifications import group
from worker.dead_letters import Burial, bury
from worker.errors import PaddlewheelError
from worker.failures import Failure, Verdict
from worker.notices.reading import Notice, read
from worker.notices.suppressing import suppress
from worker.settings import settings
from worker.work_tables import NOTIFICATIONS, Claimant

Run = Callable[..., Result]
ADA = "ada@example.com"
SAID = "PermanentError: the end of DATA: 552 5.3.4 too big"
IN_DOUBT = "its process ended while sending"
STATES = "SELECT id, state FROM notifications ORDER BY id"
ACTS = "SELECT action, target, detail FROM operator_actions ORDER BY id"
LETTERS = "SELECT state FROM dead_letters"
#: How each of the messages below stands.
GIVEN: dict[str, dict[str, Any]] = {
    "doubtful": {"reason": IN_DOUBT, "message_id": "<one@example.com>"},
    "failed": {"last_error": SAID, "failures": 1, "attempts": 1},
    "pending": {},
    "sending": {},
    "sent": {"message_id": "<two@example.com>"},
    "skipped": {"reason": "no longer true"},
}


@pytest.fixture
def run(core: Engine, broker: Redis) -> Run:
    """Return a function that runs the command on the session's servers."""
    del core, broker
    return lambda *words: CliRunner().invoke(group, words)


@pytest.fixture
def told(core: Engine) -> dict[str, int]:
    """One message of Ada's in each state."""
    with core.begin() as connection:
        ada = outgoing.add_learner(connection, email=ADA, name="Ada Lovelace")
        identity = {"kind": IdentityKind.EMAIL, "value": ADA, "learner_id": ada}
        connection.execute(insert(LearnerIdentity).values(identity))
        made = {state: _add(connection, ada, state) for state in GIVEN}
        refused = Failure(Verdict.PERMANENT, "PermanentError", SAID)
        burials = [Burial(made["failed"], 1, refused)]
        bury(connection, NOTIFICATIONS, Claimant("t", "w"), burials)
    return made


def _add(connection: Connection, learner: int, state: str) -> int:
    row_id = outgoing.add_notification(
        connection, learner_id=learner, state=state, **GIVEN[state]
    )
    end = "UPDATE notifications SET finished_at = now() WHERE id = :id"
    if state not in {"pending", "sending"}:
        connection.execute(text(end), {"id": row_id})
    return row_id


def problem(result: Result) -> str:
    assert isinstance(result.exception, PaddlewheelError)
    return str(result.exception)


def test_the_list_is_narrowed_by_state_kind_channel_and_learner(
    core: Engine, run: Run, told: dict[str, int]
) -> None:
    with core.begin() as connection:
        bob = outgoing.add_learner(connection, email="bob@example.com")
        outgoing.add_notification(connection, learner_id=bob, channel="whatsapp")

    def listed(*words: str) -> list[str]:
        return [
            one["state"]
            for one in json.loads(run("list", "--json", *words).stdout)["messages"]
        ]

    assert listed("--learner", "Ada@Example.com") == list(reversed(told))
    assert listed("--state", "doubtful") == ["doubtful"]
    assert listed("--channel", "whatsapp") == ["pending"]
    assert listed("--kind", "ended") == []
    assert "no such learner" in problem(run("list", "--learner", "nobody@x.de"))


def test_a_list_says_when_it_is_cut(
    run: Run, told: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert json.loads(run("list", "--json").stdout)["is_cut"] is False
    assert "there are more" not in run("list").stdout

    monkeypatch.setattr(notices, "MOST_LISTED", len(told) - 1)
    cut = json.loads(run("list", "--json").stdout)
    assert [one["state"] for one in cut["messages"]] == list(reversed(told))[:-1]
    assert cut["is_cut"] is True
    assert f"newest {len(told) - 1} are listed; there are more" in run("list").stdout


def test_people_read_lists_of_80_columns_without_addresses(
    run: Run, told: dict[str, int]
) -> None:
    printed = run("list").stdout + run("show", str(told["failed"])).stdout

    assert max(len(line) for line in run("list").stdout.splitlines()) <= 80
    assert "552 5.3.4 too big" in printed
    assert "ada@" not in printed.lower()


def test_one_message_is_shown_with_all_that_explains_it(
    run: Run, told: dict[str, int]
) -> None:
    shown = json.loads(run("show", str(told["failed"]), "--json").stdout)

    assert shown["to"] == "a…@example.com"
    assert shown["sent when"] == "an enrollment becomes active for the first time"
    assert shown["last error"] == SAID
    assert shown["dead letter"] is not None
    whole = json.loads(run("show", str(told["sent"]), "--json", "--personal").stdout)
    assert (whole["to"], whole["message id"]) == (ADA, "<two@example.com>")
    assert f"no message {10**9}" in problem(run("show", str(10**9)))


def test_what_is_doubtful_or_failed_is_sent_again_as_the_same_message(
    core: Engine, run: Run, told: dict[str, int]
) -> None:
    again = [told["doubtful"], told["failed"]]

    words = ("resend", *map(str, again), "--reason", "the server lost its queue")
    assert "add --yes" in problem(run(*words))
    assert run(*words, "--yes").exit_code == 0

    assert rows(core, STATES)[:2] == [(row, "pending") for row in again]
    with core.begin() as connection:
        told_of = [read(connection, row, settings()) for row in again]
    assert all(isinstance(one, Notice) for one in told_of)
    assert isinstance(told_of[0], Notice)
    assert told_of[0].message_id == "<one@example.com>"
    assert rows(core, LETTERS) == [("replayed",)]
    acts = {
        target: detail for what, target, detail in rows(core, ACTS) if "resent" in what
    }
    assert acts[f"notifications:{again[0]}"] == {
        "state": "doubtful",
        "kind": "welcome",
        "said": IN_DOUBT,
        "reason": "the server lost its queue",
    }
    assert f"Message {again[0]} is pending" in problem(run(*words, "--yes"))


@pytest.mark.parametrize("state", ["pending", "sending", "sent", "skipped"])
def test_nothing_is_sent_again_if_one_of_them_may_not_be(
    core: Engine, run: Run, told: dict[str, int], state: str
) -> None:
    before = rows(core, STATES)

    words = ("resend", str(told["doubtful"]), str(told[state]), "--yes")
    said = problem(run(*words, "--reason", "why not"))

    assert (
        f"Message {told[state]} is {state}".replace("is sending", "is going out")
        in said
    )
    assert rows(core, STATES) == before
    assert rows(core, ACTS) == []
    assert rows(core, LETTERS) == [("open",)]


def test_nothing_is_sent_again_to_a_suppressed_address_until_that_is_lifted(
    core: Engine, run: Run, told: dict[str, int]
) -> None:
    with core.begin() as connection:
        suppress(connection, ChannelName.MAIL, ADA, "RCPT: 550 5.1.1 gone", 7)
    words = ("resend", str(told["failed"]), "--reason", "she has it back", "--yes")

    assert "suppressions lift" in problem(run(*words))
    assert run("suppressions", "lift", "Ada@example.com").exit_code == 0
    assert run(*words).exit_code == 0

    [(action, target, detail), *_] = rows(core, ACTS)
    assert (action, target) == ("suppression lifted", "mail a…@example.com")
    assert (detail["reason"], detail["message"]) == ("RCPT: 550 5.1.1 gone", 7)


def test_suppressed_addresses_are_listed_and_masked(core: Engine, run: Run) -> None:
    with core.begin() as connection:
        suppress(connection, ChannelName.MAIL, ADA, "RCPT: 550 5.1.1 gone", 7)
        suppress(connection, ChannelName.WHATSAPP, "+4915112345678", "left", None)

    listed = json.loads(run("suppressions", "list", "--json").stdout)
    assert {one["address"] for one in listed} == {"a…@example.com", "+49…78"}
    printed = run("suppressions", "list").stdout
    assert "550 5.1.1 gone" in printed
    assert max(map(len, printed.splitlines())) <= 80
    whole = run("suppressions", "list", "--personal", "--json").stdout
    assert {one["address"] for one in json.loads(whole)} == {ADA, "+4915112345678"}
    assert "not suppressed" in problem(run("suppressions", "lift", "eve@example.com"))
