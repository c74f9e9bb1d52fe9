"""What answers of our own processes, and who serves which queue."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from worker import roll_call
from worker.doctor.scene import Scene
from worker.release_mark import ABOUT
from worker.roll_call import Answers, BrokerAwayError, Served


@dataclass(frozen=True, slots=True)
class About:
    """What a worker says of itself."""

    #: Empty: of a release that cannot say.
    release: str
    processes: int


def served(scene: Scene) -> Served:
    """Return the queues that each worker serves that answers."""
    return scene.once("served", lambda: _served(scene))


def abouts(scene: Scene) -> Mapping[str, About]:
    """Return what the workers say of themselves that answer."""
    return scene.once("abouts", lambda: _abouts(scene))


# Where the broker does not answer, its own check tells of it.


def _served(scene: Scene) -> Served:
    with suppress(BrokerAwayError):
        return roll_call.served(scene.config)
    return {}


def _abouts(scene: Scene) -> dict[str, About]:
    answers: Answers = {}
    with suppress(BrokerAwayError):
        # Never all: the one that is slow may be the one of another release.
        answers = roll_call.call(scene.config, ABOUT, lambda _: False)
    return {
        worker: About(str(said.get("release", "")), int(said.get("processes", 0)))
        for worker, said in answers.items()
        if isinstance(said, dict)
    }
