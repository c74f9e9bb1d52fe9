"""Our destinations as Paddle tells of them, and their newest deliveries in our inbox.

A destination is ours if its secret is: whose deliveries can be verified.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import takewhile
from urllib.parse import urlsplit

from sqlalchemy import text

from worker.connect.destination import bare
from worker.doctor.scene import Scene
from worker.providers.api import ApiList
from worker.providers.attempt import Attempt, AttemptState
from worker.providers.paddle.connection import Setting
from worker.providers.paddle.notifications import attempt_of
from worker.providers.paddle.provider import Paddle

#: So many of the newest notifications are looked for in the inbox.
MOST_ASKED = 30
FAILING = (AttemptState.RETRYING, AttemptState.FAILED)

_KEPT = text("""
SELECT event_id, source FROM inbox
WHERE provider = :provider AND event_id = ANY(:ids)
""")


@dataclass(frozen=True, slots=True)
class Deliveries:
    """What the newest deliveries of a destination say; simulations do not count."""

    looked_at: int
    #: That Paddle says were taken.
    taken: int
    #: That failed, of events that occurred after anything was taken for the last time.
    failing: int
    #: Of the newest that were taken, in a row: in no inbox of ours.
    lost: int
    #: That were verified at our door.
    verified: int


def settings_of(scene: Scene) -> list[Setting]:
    """Return all destinations of the account."""

    def ask() -> list[Setting]:
        with scene.asking() as api:
            return api.settings()

    return scene.once("destinations", ask)


def ours(scene: Scene) -> list[Setting]:
    """Return those whose secret is ours, active ones first, the newest before others.

    The newest is where this deployment was connected last: an address may have changed.
    """
    given = scene.config.paddle_webhook_secrets
    secrets = {one.get_secret_value() for one in given}
    mine = [one for one in settings_of(scene) if one.endpoint_secret_key in secrets]
    return sorted(mine, key=lambda one: (one.active, one.id), reverse=True)


def host_of(one: Setting) -> str:
    """Return where somebody else's leads: the rest of it is often a token."""
    try:
        return urlsplit(one.destination).hostname or "no host"
    except ValueError:
        return "no host"


def shown_of(one: Setting) -> str:
    """Return where ours leads, without user and query."""
    try:
        url = urlsplit(bare(one.destination))
    except ValueError:
        return "no address"
    return url._replace(netloc=url.netloc.rpartition("@")[2]).geturl()


def deliveries_of(scene: Scene) -> Deliveries:
    """Look for the newest deliveries of our destination in the inbox."""
    return scene.once("deliveries", lambda: _looked_for(scene))


def _looked_for(scene: Scene) -> Deliveries:
    attempts = [one for to in ours(scene)[:1] for one in _attempts(scene, to.id)]
    arrived = [one for one in attempts if one.state is AttemptState.DELIVERED]
    with scene.reading() as connection:
        ids = [one.event_id for one in arrived]
        rows = connection.execute(_KEPT, {"provider": Paddle.name, "ids": ids})
        sources = {row.event_id: row.source for row in rows}
    last = max((one.delivered_at or one.occurred_at for one in arrived), default=None)
    failing = [one for one in attempts if one.state in FAILING]
    return Deliveries(
        looked_at=len(attempts),
        taken=len(arrived),
        failing=sum(last is None or one.occurred_at > last for one in failing),
        lost=_in_a_row(one.event_id not in sources for one in arrived),
        verified=sum(sources.get(one.event_id) == "webhook" for one in arrived),
    )


def _attempts(scene: Scene, destination: str) -> list[Attempt]:
    asked = {
        "notification_setting_id": destination,
        "order_by": "id[DESC]",
        "per_page": str(MOST_ASKED),
    }
    with scene.asking() as api:
        page = next(api.pages(f"/{ApiList.NOTIFICATIONS}", asked))
    read = [one for one in map(attempt_of, page) if one]
    return [one for one in read if not one.event_id.startswith(Paddle.simulated)]


def _in_a_row(flags: Iterable[bool]) -> int:
    return sum(takewhile(bool, flags))
