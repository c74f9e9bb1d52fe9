"""The receiver as an ASGI app: a delivery in, an answer out.

Plain ASGI: a framework's routing, request and response objects would cost more than
verifying and storing a delivery do.
"""

import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Protocol

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from web_hook import answers
from web_hook.answers import Answer, Send
from web_hook.body import (
    WHOLE,
    Body,
    BodyTooLargeError,
    BodyTooSlowError,
    NoRoomError,
    Receive,
    Room,
    SenderGoneError,
)
from web_hook.metrics import Metrics
from web_hook.schemes import Scheme
from web_hook.store import Delivery, Outcome
from web_hook.verify import Refused
from worker.envelope import peek

Scope = MutableMapping[str, Any]


class Inlet(Protocol):
    """Where accepted deliveries go: ``web_hook.enqueue.Enqueuer``."""

    def submit(self, delivery: Delivery) -> Awaitable[Outcome]:
        """Take a delivery and give its outcome in time."""
        ...


@dataclass(frozen=True, slots=True)
class Parts:
    """What the app works with."""

    schemes: dict[str, Scheme]
    inlet: Inlet
    #: Why the receiver cannot do its work; empty when it can.
    trouble: Callable[[], Awaitable[str]]
    metrics: Metrics
    #: Brings what is read from rows into the metrics, before they are shown.
    refresh: Callable[[], Awaitable[None]]
    start: Callable[[], Awaitable[None]]
    stop: Callable[[], Awaitable[None]]


class Receiver:
    """The app. Its parts are started and stopped by ASGI's lifespan."""

    def __init__(self, parts: Parts) -> None:
        """Take the parts; nothing is opened yet."""
        self._parts = parts
        self._metrics = parts.metrics
        self._room = Room()
        self._pages = {
            "/health": self._health,
            "/ready": self._ready,
            "/metrics": self._show_metrics,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the lifespan."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        scheme = self._parts.schemes.get(scope["path"])
        if scheme is not None and scope["method"] == "POST":
            answer = await self._take(scheme, scope, receive)
        else:
            answer = await self._other(scope, is_hook=scheme is not None)
        await answer.send(send)

    async def _take(self, scheme: Scheme, scope: Scope, receive: Receive) -> Answer:
        began_at = time.perf_counter()
        body = Body(self._room)
        try:
            answer = await self._judge(scheme, scope, body, receive)
        except BodyTooLargeError:
            return self._refuse(scheme, "body_too_large", answers.TOO_LARGE)
        except BodyTooSlowError:
            return self._refuse(scheme, "body_too_slow", answers.TOO_SLOW)
        except SenderGoneError:
            return self._refuse(scheme, "sender_gone", answers.TOO_SLOW)
        except NoRoomError:
            self._metrics.count(scheme.provider, Outcome.UNAVAILABLE, "no_room")
            return answers.UNAVAILABLE_AT_ONCE
        finally:
            body.release()
        if answer is answers.STORED:
            self._metrics.acknowledged.observe(time.perf_counter() - began_at)
        return answer

    async def _judge(
        self, scheme: Scheme, scope: Scope, body: Body, receive: Receive
    ) -> Answer:
        signature = None
        announced_bytes = 0
        for name, value in scope["headers"]:
            if name == scheme.header:
                # Two headers are one with a comma in it, which no scheme accepts.
                signature = value if signature is None else signature + b"," + value
            elif name == b"content-length":
                announced_bytes = int(value)
        is_whole = scope.get("extensions") is WHOLE
        raw = await body.read(receive, announced_bytes, is_whole=is_whole)
        verdict = scheme.judge(signature, raw, time.time())
        if isinstance(verdict, Refused):
            age = verdict.age_seconds
            self._metrics.count(scheme.provider, "refused", verdict.reason, age)
            return answers.REFUSED
        self._metrics.count_match(scheme.provider, verdict.secret)
        delivery = Delivery(scheme.provider, peek(raw), raw)
        return await self._store(delivery, verdict.age_seconds)

    async def _store(self, delivery: Delivery, age_seconds: float) -> Answer:
        outcome = await self._parts.inlet.submit(delivery)
        if outcome is Outcome.UNAVAILABLE:
            self._metrics.count(delivery.provider, outcome, "database", age_seconds)
            return answers.UNAVAILABLE
        self._metrics.count(delivery.provider, outcome, "", age_seconds)
        return answers.STORED

    def _refuse(self, scheme: Scheme, reason: str, answer: Answer) -> Answer:
        self._metrics.count(scheme.provider, "refused", reason)
        return answer

    async def _other(self, scope: Scope, *, is_hook: bool) -> Answer:
        if is_hook:
            return answers.POST_ONLY
        page = self._pages.get(scope["path"])
        if page is None:
            return answers.NOT_FOUND
        if scope["method"] not in {"GET", "HEAD"}:
            return answers.GET_ONLY
        return await page()

    async def _health(self) -> Answer:
        return answers.HEALTHY

    async def _ready(self) -> Answer:
        trouble = await self._parts.trouble()
        return Answer(503, f"{trouble}\n".encode()) if trouble else answers.HEALTHY

    async def _show_metrics(self) -> Answer:
        await self._parts.refresh()
        text = generate_latest(self._metrics.registry)
        return Answer(
            200, text, headers=((b"content-type", CONTENT_TYPE_LATEST.encode()),)
        )

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        await self._parts.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._parts.stop()
        await send({"type": "lifespan.shutdown.complete"})
