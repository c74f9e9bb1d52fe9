"""The local Paddle put together: one ASGI app, one deliverer, one folder of state."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from socket import socket

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

from local_paddle.adjustment_api import Money
from local_paddle.answer import ApiError, failure
from local_paddle.api import Reading
from local_paddle.catalog import Offer, stock
from local_paddle.change import Changing
from local_paddle.clock import Clock
from local_paddle.control import (
    FACTOR_FACT,
    LIMIT_FACT,
    PLAN_FACT,
    SCHEDULE_FACT,
    Control,
)
from local_paddle.dashboard import Dashboard
from local_paddle.deliveries import Deliverer
from local_paddle.destination import keep_receiver
from local_paddle.faults import Plan
from local_paddle.feed import Feed
from local_paddle.guard import REQUESTS_PER_MINUTE, Guard, Limit
from local_paddle.ids import Ids
from local_paddle.notification import Outbox
from local_paddle.schedule import Schedule
from local_paddle.shop import Shop
from local_paddle.simulation_api import SimulationEndpoints
from local_paddle.store import Store
from local_paddle.subscription_api import Subscriptions, refusal_of
from local_paddle.till import ShopError
from local_paddle.timeline import AHEAD_FACT

#: How long a stopping server waits for requests in progress.
GRACE_SECONDS = 6


@dataclass(frozen=True)
class Options:
    """What a local Paddle has to be told."""

    folder: Path
    api_key: str
    webhook_secret: str
    #: Where its first destination listens, ``http://…/webhooks/paddle``.
    destination: str
    offers: tuple[Offer, ...] = ()


class LocalPaddle:
    """Everything that one local Paddle is made of; ``app`` is what to serve."""

    def __init__(self, options: Options) -> None:
        """Open the state in the folder and go on from there."""
        self.store = Store(options.folder)
        keep_receiver(self.store, options.destination, options.webhook_secret)
        fact = self.store.fact
        ahead = timedelta(seconds=fact(AHEAD_FACT, 0.0))
        clock = Clock(fact(FACTOR_FACT, 1.0), ahead)
        stock(self.store, clock, list(options.offers))
        ids = Ids()
        self.feed = Feed(self.store, ids, clock, Plan.of(fact(PLAN_FACT, {})))
        self.shop = Shop(self.feed)
        self.limit = Limit(fact(LIMIT_FACT, REQUESTS_PER_MINUTE))
        schedule = Schedule(fact(SCHEDULE_FACT, Schedule.LIVE))
        outbox = Outbox(self.store, ids)
        self.deliverer = Deliverer(self.feed, outbox, clock, schedule)
        self.app = self._app(options.api_key)

    def _app(self, api_key: str) -> Starlette:
        control = Control(self.shop, self.deliverer, self.limit)
        return Starlette(
            routes=[
                *Reading(self.feed).routes(),
                *Changing(self.feed, self.shop.checkout).routes(),
                *Subscriptions(self.shop).routes(),
                *Money(self.shop).routes(),
                *SimulationEndpoints(self.feed).routes(),
                *control.routes(),
            ],
            middleware=[
                Middleware(
                    Guard,
                    api_key=api_key,
                    limit=self.limit,
                    dashboard=Dashboard(self.store),
                )
            ],
            exception_handlers={
                ApiError: _api_error,
                ShopError: _shop_error,
                HTTPException: _http_error,
                Exception: _internal_error,
            },
            lifespan=self._lifespan,
        )

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        living = asyncio.create_task(self.shop.timeline.run())
        sending = asyncio.create_task(self.deliverer.run())
        try:
            yield
        finally:
            for task in (living, sending):
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            self.store.close()


def server_of(paddle: LocalPaddle) -> uvicorn.Server:
    """Return a server for it, not yet started; run it on a socket of yours."""
    return uvicorn.Server(
        uvicorn.Config(
            paddle.app,
            log_config=None,
            log_level="warning",
            access_log=False,
            lifespan="on",
            ws="none",
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
    )


@contextmanager
def running(options: Options, port: int = 0) -> Iterator[tuple[LocalPaddle, str]]:
    """Serve on loopback from a thread; give the local Paddle and its address."""
    listener = socket()
    listener.bind(("127.0.0.1", port))
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    paddle = LocalPaddle(options)
    server = server_of(paddle)
    started = threading.Event()
    thread = threading.Thread(
        target=_serve, args=(server, listener, started), name="local-paddle"
    )
    thread.start()
    started.wait()
    try:
        yield paddle, address
    finally:
        server.should_exit = True
        thread.join()


def _serve(server: uvicorn.Server, listener: socket, started: threading.Event) -> None:
    listener.listen()
    # Connections queue up on the socket from here on, so callers may begin.
    started.set()
    server.run(sockets=[listener])
    listener.close()


async def _api_error(_: Request, error: Exception) -> Response:
    if not isinstance(error, ApiError):
        raise error
    return failure(error)


async def _shop_error(_: Request, error: Exception) -> Response:
    if not isinstance(error, ShopError):
        raise error
    return failure(refusal_of(error))


async def _http_error(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    codes = {HTTPStatus.NOT_FOUND: "invalid_url"}
    codes[HTTPStatus.METHOD_NOT_ALLOWED] = "method_not_allowed"
    code = codes.get(HTTPStatus(status), "bad_request")
    return failure(ApiError(status, code, str(error)))


async def _internal_error(_: Request, __: Exception) -> Response:
    return failure(
        ApiError(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", "Internal error")
    )
