"""``paddlewheel notifications resend|confirm``: what a person decides of messages."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Annotated

import typer
from sqlalchemy import Connection

from models.notices import ChannelName, NoticeKind
from models.outgoing import NotificationState
from worker.cli.database import database
from worker.cli.letter_kinds import Yes
from worker.cli.output import console
from worker.cli.progress import late_bar
from worker.errors import PaddlewheelError
from worker.notices.resending import RESENDABLE, Which, confirm, find, resend
from worker.rings import publish_ring, ringing_app
from worker.settings import settings
from worker.wording import counted
from worker.work_tables import NOTIFICATIONS

#: Messages that one transaction takes, where all of a state are meant.
MESSAGES_A_BATCH = 500

Messages = Annotated[
    list[int] | None, typer.Argument(help="Numbers, as listed; or name a --state.")
]
State = Annotated[
    NotificationState | None, typer.Option(help="All that are in this state.")
]
Kind = Annotated[NoticeKind | None, typer.Option(help="Of those, this kind.")]
Over = Annotated[ChannelName | None, typer.Option(help="Of those, over this channel.")]
Reason = Annotated[str, typer.Option(help="Why; it is kept on record.")]


@dataclass(frozen=True, slots=True)
class Decision:
    """What is done to messages; ``then`` follows each commit."""

    question: str
    deed: Callable[[Connection, Sequence[int]], list[int]]
    then: Callable[[Sequence[int]], object] = lambda _: None


def resend_notices(  # noqa: PLR0913 (as many as one may type)
    messages: Messages = None,
    *,
    state: State = None,
    kind: Kind = None,
    channel: Over = None,
    reason: Reason,
    yes: Yes = False,
) -> None:
    """Send doubtful or failed messages again; who has heard may hear it twice."""
    which = _which(messages, (state, kind, channel), RESENDABLE)
    only = None if which is None else which.state
    config, why = settings(), _given(reason)
    app = ringing_app(config)
    decision = Decision(
        "send {} again",
        lambda connection, ids: resend(connection, ids, why, config, only),
        lambda ids: publish_ring(app, NOTIFICATIONS.task, ids, MESSAGES_A_BATCH),
    )
    resent, left = _decide(messages or which, decision, sure=yes)
    _say(
        f"{_messages(resent)} pending again, with the same Message-ID:"
        " `./paddlewheel notifications list`."
    )
    if left:
        _say(f"{_messages(left)} left alone: changed meanwhile, or a dead address.")


def confirm_notices(  # noqa: PLR0913 (as many as one may type)
    messages: Messages = None,
    *,
    state: State = None,
    kind: Kind = None,
    channel: Over = None,
    reason: Reason,
    yes: Yes = False,
) -> None:
    """Take doubtful messages as sent: somebody has seen that they went out."""
    which = _which(messages, (state, kind, channel), {NotificationState.DOUBTFUL})
    why = _given(reason)
    decision = Decision(
        "take {} as sent",
        lambda connection, ids: confirm(connection, ids, why, strict=which is None),
    )
    confirmed, _ = _decide(messages or which, decision, sure=yes)
    _say(f"{_messages(confirmed)} sent, as far as anybody can tell.")


def _which(
    messages: list[int] | None,
    named: tuple[NotificationState | None, NoticeKind | None, ChannelName | None],
    allowed: Collection[NotificationState],
) -> Which | None:
    """Return which messages are meant; None: those that are named one by one."""
    if messages and any(named):
        raise PaddlewheelError("Name messages, or a --state, not both.")
    if messages:
        return None
    state, kind, channel = named
    if state is None or state not in allowed:
        raise PaddlewheelError(f"Name messages, or --state {' or '.join(allowed)}.")
    return Which(state, kind, channel)


def _given(reason: str) -> str:
    if not reason.strip():
        raise PaddlewheelError("Give a reason; it is kept on record.")
    return reason.strip()


def _decide(
    meant: list[int] | Which | None, decision: Decision, *, sure: bool
) -> tuple[int, int]:
    """Do it to what was agreed to; return to how many it was done, and not.

    Messages that are named are done at once, all of them or none; others in parts, so
    that an interruption leaves whole parts done and the rest untouched.
    """
    done = 0
    with database("notifications") as engine:
        ids = sorted(set(meant)) if isinstance(meant, list) else []
        size = len(ids)
        if isinstance(meant, Which):
            with engine.connect() as connection:
                ids, size = find(connection, meant), MESSAGES_A_BATCH
        if not ids:
            raise PaddlewheelError("There is no such message.")
        question = decision.question.format(_messages(len(ids)))
        if not sure:
            _agree(question)
        with late_bar(question, len(ids)) as bar:
            for start in range(0, len(ids), size):
                part = ids[start : start + size]
                with engine.begin() as connection:
                    changed = decision.deed(connection, part)
                decision.then(changed)
                done += len(changed)
                bar.advance(len(part))
    return done, len(ids) - done


def _agree(what: str) -> None:
    if not typer.get_text_stream("stdin").isatty():
        raise PaddlewheelError(f"This would {what}: add --yes if that is meant.")
    typer.confirm(
        f"{what.capitalize()}? A doubtful one may have been heard, or not.", abort=True
    )


def _messages(count: int) -> str:
    return counted(count, "message")


def _say(words: str) -> None:
    console().print(words, soft_wrap=True)
