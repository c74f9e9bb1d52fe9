"""Puts the receiver together from the settings."""

import asyncio

from web_hook.app import Parts, Receiver
from web_hook.connection import Connection
from web_hook.counts import CountWriter
from web_hook.enqueue import Enqueuer, Ring
from web_hook.messages import MessageCounts
from web_hook.metrics import Metrics
from web_hook.ready import Readiness, open_ours
from web_hook.schemes import schemes_of
from worker.rings import RingPublisher, ringing_app
from worker.settings import Settings

#: For the rings that are left when the receiver stops; the sweep finds the rest.
LAST_RINGS_SECONDS = 2.0


def receiver_of(config: Settings) -> Receiver:
    """Return the receiver, not yet started."""
    metrics = Metrics()
    rings = RingPublisher(ringing_app(config), metrics.count_rings)
    # Switched off, deliveries are stored and wait; the sweep rings once it is on.
    ring: Ring = rings.publish_ring if config.paddle_billing_enabled else _no_ring

    async def connect() -> Connection:
        return await open_ours(config, "paddlewheel receiver")

    enqueuer = Enqueuer(connect, ring, metrics)
    counts = CountWriter(config, metrics)

    async def start() -> None:
        rings.start()
        enqueuer.start()
        counts.start()

    async def stop() -> None:
        await enqueuer.stop()
        last_rings = asyncio.to_thread(rings.stop, LAST_RINGS_SECONDS)
        await asyncio.gather(counts.stop(), last_rings)

    return Receiver(
        Parts(
            schemes_of(config),
            enqueuer,
            Readiness(config).trouble,
            metrics,
            MessageCounts(config, metrics).refresh,
            start,
            stop,
        )
    )


def _no_ring(_task: str, _ids: object) -> None:
    """Tell nobody."""
