"""Asks the workers something, and waits no longer than it takes.

Nobody knows how many there are, so who asks waits until it is silent. That is soon, if
those who answered are all that are wanted; else it takes a second: one may be busy. It
always does where each one counts.
"""

from collections.abc import Callable, Mapping
from typing import Any

from celery import Celery

import celeryconfig
from worker.errors import PaddlewheelError
from worker.rings import ringing_app
from worker.settings import Settings

#: Of silence after the last answer: who is not busy answers within some milliseconds.
SILENCE_SECONDS = 0.3
#: The same where somebody is missing; with the first silence it is a second.
PATIENCE_SECONDS = 0.7

#: By worker, what it says.
Answers = Mapping[str, Any]
#: By worker, the queues that it serves.
Served = Mapping[str, frozenset[str]]

_QUEUES = frozenset(str(queue.name) for queue in celeryconfig.task_queues)


class BrokerAwayError(PaddlewheelError):
    """The broker does not answer, so no worker can."""


def served(config: Settings) -> Served:
    """Return the queues that each worker serves that answers.

    Raises:
        BrokerAwayError: Nobody can be asked.
    """

    def are_all(answers: Answers) -> bool:
        return frozenset().union(*_queues(answers).values()) >= _QUEUES

    return _queues(call(config, "active_queues", are_all))


def call(
    config: Settings, question: str, are_all: Callable[[Answers], bool]
) -> dict[str, Any]:
    """Return what each worker answers, by its name.

    Args:
        config: Says where the broker is.
        question: A command of Celery's remote control, or of ours.
        are_all: Tells whether these answers are all that are wanted.

    Raises:
        BrokerAwayError: Nobody can be asked.
    """
    app = ringing_app(config)
    try:
        answers = _broadcast(app, question, SILENCE_SECONDS)
        if not are_all(answers):
            answers |= _broadcast(app, question, PATIENCE_SECONDS)
    except Exception as error:
        # Brokers raise what they like.
        raise BrokerAwayError("The broker does not answer.") from error
    finally:
        app.close()
    return answers


def _broadcast(app: Celery, question: str, seconds: float) -> dict[str, Any]:
    # Its time-out begins anew with each answer.
    replies = app.control.broadcast(question, reply=True, timeout=seconds)
    return {worker: said for reply in replies or () for worker, said in reply.items()}


def _queues(answers: Answers) -> Served:
    return {
        worker: frozenset(queue["name"] for queue in queues)
        for worker, queues in sorted(answers.items())
        # Else it says why it cannot tell.
        if isinstance(queues, list)
    }
