"""What answers of our own processes, and who serves which queue."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from worker.doctor.scene import Scene
from worker.rings import ringing_app

#: Workers that do not answer within this are not there, or too busy to say so.
PING_SECONDS = 1.5
ABOUT = "about"


@dataclass(frozen=True, slots=True)
class About:
    """What a worker says of itself."""

    #: Empty: of a release that cannot say.
    release: str
    processes: int


def served(scene: Scene) -> Mapping[str, frozenset[str]]:
    """Return the queues that each worker serves that answers."""
    return scene.once("served", lambda: _served(scene))


def abouts(scene: Scene) -> Mapping[str, About]:
    """Return what the workers say of themselves that answer."""
    return scene.once("abouts", lambda: _abouts(scene))


def _served(scene: Scene) -> dict[str, frozenset[str]]:
    answers = _asked(scene, "active_queues")
    return {
        worker: frozenset(queue["name"] for queue in queues)
        for worker, queues in answers.items()
        if isinstance(queues, list)
    }


def _abouts(scene: Scene) -> dict[str, About]:
    answers = _asked(scene, ABOUT)
    return {
        worker: About(str(said.get("release", "")), int(said.get("processes", 0)))
        for worker, said in answers.items()
        if isinstance(said, dict)
    }


def _asked(scene: Scene, question: str) -> dict[str, Any]:
    app = ringing_app(scene.config)
    try:
        replies = app.control.broadcast(question, reply=True, timeout=PING_SECONDS)
    except Exception:  # noqa: BLE001 (brokers raise what they like)
        # The check of the broker tells of it.
        return {}
    finally:
        app.close()
    return {worker: said for reply in replies or () for worker, said in reply.items()}
