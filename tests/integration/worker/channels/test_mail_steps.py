"""A mail server that goes wrong at every step: first and kept connections alike."""

from collections.abc import Iterator

import pytest

from tests.fixtures.mail_server import DROP, HANG, STEPS, MailServer
from tests.integration.worker.channels.mail_side import SENDER, message
from worker.channels.deadline import Deadline
from worker.channels.errors import RefusesUsError, UnreachableError
from worker.channels.mail import Mail
from worker.channels.smtp import Route
from worker.errors import PaddlewheelError, PermanentError, TransientError
from worker.lifecycle import Ending

#: Passed once a connection.
OPENING = ("greeting", "EHLO", "STARTTLS", "AUTH")
#: There it can only be silent: it has answered, or is about to.
ANSWERED = ("354", "answer", "goodbye")
LATER, NEVER, CLOSING = "450 4.2.0 later", "550 5.0.0 no", "421 4.7.0 too many mails"
#: A server that hangs ends the deadline; if the machine is so slow that the mail did
#: not come as far, once more with a longer one.
LONG = 40
DEADLINES = (0.4, 4, LONG)
SENT, DOUBTFUL = "sent", "doubtful"
Outcome = type[PaddlewheelError] | str


def expected(step: str, fault: str) -> Outcome:
    """Return what must come of a mail."""
    if step in {"RSET", "goodbye", "QUIT"}:
        # A connection that cannot forget is replaced; a goodbye is not waited for.
        return SENT
    if step == "EHLO" and fault not in {DROP, HANG}:
        # Whoever does not know EHLO is greeted with HELO (RFC 5321, 3.2).
        return SENT
    if step in {"354", "content", "answer"} and fault in {HANG, DROP}:
        return DOUBTFUL
    if step in OPENING:
        return RefusesUsError if fault == NEVER else UnreachableError
    return PermanentError if fault == NEVER else TransientError


def outcome(mail: Mail, number: int, seconds: float) -> Outcome:
    """Return what came of a mail."""
    begun: list[int] = []
    try:
        ending = mail.deliver(
            message(number), Deadline(seconds), lambda: begun.append(1)
        )
    except PaddlewheelError as error:
        return type(error)
    assert isinstance(ending, Ending)
    assert begun == [1]
    return ending.state


def cases() -> Iterator[tuple[str, str, bool]]:
    """Return each fault at each step, of first and of kept connections."""
    for step in STEPS:
        silent = (DROP, HANG)
        for fault in silent if step in ANSWERED else (*silent, LATER, NEVER, CLOSING):
            yield step, fault, False
            if step not in OPENING:
                yield step, fault, True


@pytest.mark.parametrize(("step", "fault", "kept"), [*cases()])
def test_a_fault_at_a_step(
    mail_server: MailServer,
    step: str,
    fault: str,
    kept: bool,  # noqa: FBT001 (of the table)
) -> None:
    mail_server.faults[step] = fault
    mail_server.good_mails = int(kept)
    wanted = expected(step, fault)
    for seconds in DEADLINES if fault == HANG else (LONG,):
        with Mail(Route.of(mail_server.url_of_all_steps), SENDER) as mail:
            if kept:
                assert outcome(mail, 0, LONG) == SENT
            before = len(mail_server.mails)
            came = outcome(mail, 1, seconds)
            arrived = len(mail_server.mails) - before
        if wanted == SENT or mail_server.reached(step):
            break
    assert came == wanted
    assert arrived == (came == SENT or step in {"answer", "goodbye"})
