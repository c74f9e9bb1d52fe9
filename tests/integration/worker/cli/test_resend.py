"""Many messages sent again at once, and those confirmed that went out after all."""

from collections.abc import Callable

import pytest
from redis import Redis
from sqlalchemy import Connection, Engine, insert, text
from typer.testing import CliRunner, Result

from models.notices import ChannelName
from models.people import IdentityKind
from models.tables.people import LearnerIdentity
from tests import outgoing
from tests.factories import rows
from worker.cli import resend as command
from worker.cli.notifications import group
from worker.errors import PaddlewheelError
from worker.notices.suppressing import suppress

Run = Callable[..., Result]
STATES = "SELECT id, state FROM notifications ORDER BY id"
ACTS = "SELECT action, target, detail FROM operator_actions ORDER BY id"


@pytest.fixture
def run(core: Engine, broker: Redis) -> Run:
    """Return a function that runs the command on the session's servers."""
    del core, broker
    return lambda *words: CliRunner().invoke(group, words)


def problem(result: Result) -> str:
    assert isinstance(result.exception, PaddlewheelError)
    return str(result.exception)


def add(connection: Connection, learner: int, state: str) -> int:
    """Add a message that has ended."""
    row_id = outgoing.add_notification(connection, learner_id=learner, state=state)
    end = text("UPDATE notifications SET finished_at = now() WHERE id = :id")
    connection.execute(end, {"id": row_id})
    return row_id


def doubts(engine: Engine, count: int) -> list[int]:
    """Add doubtful messages, the last of which has a suppressed address."""
    with engine.begin() as connection:
        made = []
        for number in range(count):
            email = f"learner{number}@example.org"
            learner = outgoing.add_learner(connection, email=email)
            identity = {
                "kind": IdentityKind.EMAIL,
                "value": email,
                "learner_id": learner,
            }
            connection.execute(insert(LearnerIdentity).values(identity))
            made.append(add(connection, learner, "doubtful"))
        suppress(connection, ChannelName.MAIL, email, "RCPT: 550 5.1.1 gone", made[-1])
    return made


def test_all_that_are_in_doubt_are_sent_again_but_for_dead_addresses(
    core: Engine, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "MESSAGES_A_BATCH", 2)
    *made, gone = doubts(core, 5)
    with core.begin() as connection:
        learner = outgoing.add_learner(connection)
        failed = add(connection, learner, "failed")
        other = outgoing.add_notification(connection, state="doubtful", kind="ended")
    words = ("resend", "--state", "doubtful", "--kind", "welcome", "--reason", "lost")

    assert "send 5 messages again: add --yes" in problem(run(*words))
    said = run(*words, "--yes").stdout

    assert "4 messages pending again" in said
    assert "1 message left alone" in said
    assert rows(core, STATES) == [
        *((row, "pending") for row in made),
        (gone, "doubtful"),
        (failed, "failed"),
        (other, "doubtful"),
    ]
    resent = [target for what, target, _ in rows(core, ACTS) if "resent" in what]
    assert resent == [f"notifications:{row}" for row in made]


def test_what_went_out_after_all_is_confirmed(core: Engine, run: Run) -> None:
    words = ("confirm", "--reason", "in the server's log", "--yes")
    with core.begin() as connection:
        learner = outgoing.add_learner(connection)
        doubtful, failed = (
            add(connection, learner, state) for state in ("doubtful", "failed")
        )

    refused = problem(run(*words, str(doubtful), str(failed)))
    assert refused == f"Message {failed} is not in doubt.\nNothing was done."
    assert rows(core, STATES)[0] == (doubtful, "doubtful")
    assert run(*words, str(doubtful)).exit_code == 0

    ended = "SELECT state, reason, finished_at IS NOT NULL FROM notifications"
    assert rows(core, f"{ended} WHERE id = {doubtful}") == [
        ("sent", "confirmed by a person", True)
    ]
    [(action, target, detail)] = rows(core, ACTS)
    assert (action, target) == ("notification confirmed", f"notifications:{doubtful}")
    assert detail["reason"] == "in the server's log"
    assert "no such message" in problem(run(*words, "--state", "doubtful"))
    more = doubts(core, 2)
    assert run(*words, "--state", "doubtful").exit_code == 0
    assert rows(core, STATES)[-2:] == [(row, "sent") for row in more]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("resend",), "Name messages, or --state doubtful or failed."),
        (
            ("resend", "--kind", "ended"),
            "Name messages, or --state doubtful or failed.",
        ),
        (
            ("resend", "--state", "sent"),
            "Name messages, or --state doubtful or failed.",
        ),
        (("resend", "7", "--state", "failed"), "not both"),
        (("confirm", "--state", "failed"), "Name messages, or --state doubtful."),
        (("confirm", "7", "--reason", " "), "Give a reason"),
    ],
)
def test_it_must_be_clear_which_are_meant_and_why(
    run: Run, words: tuple[str, ...], said: str
) -> None:
    reason = () if "--reason" in words else ("--reason", "because")
    assert said in problem(run(*words, *reason, "--yes"))
