"""uvicorn with the bounds that it has not: on connections, headers and shutdown."""

import asyncio
import contextlib
import gc
import signal
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from web_hook.app import Receiver
from web_hook.body import WHOLE

#: Each may hold a request; beyond them new connections are closed at once.
MAX_CONNECTIONS = 1000
#: For the headers of a request, from the first byte of a connection or request.
HEADER_SECONDS = 5.0
#: Paddle's signature header has some 80 bytes; proxies add a few hundred.
MAX_HEADER_BYTES = 32 * 1024
KEEP_ALIVE_SECONDS = 15
#: An answer takes at most 2 s, a body 5 s.
SHUTDOWN_SECONDS = 8
BACKLOG = 2048
#: Objects made before a search for cycles; Python's default is 700.
GC_THRESHOLD = 20_000


class BoundedProtocol(HttpToolsProtocol):
    """Ends connections that are too many, or whose headers do not come to an end.

    uvicorn sets no time limit before the first whole request, and takes headers of
    any length (0.54, ``protocols/http/httptools_impl.py``).
    """

    _is_in_header = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, or close it."""
        self._header_bytes = 0
        self._header_timer: asyncio.TimerHandle | None = None
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            transport.abort()
            return
        self._await_header()

    def data_received(self, data: bytes) -> None:
        """Count what is no body; start the clock where headers are not whole."""
        self._header_bytes += len(data)
        super().data_received(data)
        # Also in what follows a chunked body: trailers are kept like headers, and
        # cost five times their size.
        if self._header_bytes > MAX_HEADER_BYTES:
            self.transport.abort()
        elif self._header_timer is None and self._is_in_header:
            self._await_header()

    def on_message_begin(self) -> None:
        """A request begins."""
        self._is_in_header = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Stop the clock."""
        self._is_in_header = False
        self._stop_header_timer()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body: its size is bounded elsewhere."""
        self._header_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Note that the whole request is here: its body needs no clock."""
        self._header_bytes = 0
        self.scope["extensions"] = WHOLE
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop_header_timer()
        super().connection_lost(exc)

    def _await_header(self) -> None:
        self._header_timer = self.loop.call_later(HEADER_SECONDS, self.transport.abort)

    def _stop_header_timer(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None


class ReceiverServer(uvicorn.Server):
    """Ends with exit code 0 when asked to stop, having answered what it had taken."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take TERM and INT as "stop", without raising them again afterwards."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            # Never "force": the way out is bounded anyway.
            loop.add_signal_handler(number, self._stop)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

    def _stop(self) -> None:
        self.should_exit = True


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket.

    Raises:
        OSError: The address is taken, or not one of this machine.
    """
    family, _, _, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    return socket.create_server(address[:2], family=family, backlog=BACKLOG)


def serve(receiver: Receiver, listener: socket.socket) -> None:
    """Serve until asked to stop."""
    options: dict[str, Any] = {
        "http": BoundedProtocol,
        "ws": "none",
        "loop": "uvloop",
        "lifespan": "on",
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "date_header": False,
        # The sender's address plays no part, so nobody's word for it is taken.
        "proxy_headers": False,
        "timeout_keep_alive": KEEP_ALIVE_SECONDS,
        "timeout_graceful_shutdown": SHUTDOWN_SECONDS,
        "backlog": BACKLOG,
    }
    # Requests leave no cycles; what was imported need not be searched again and again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)
    server = ReceiverServer(uvicorn.Config(receiver, **options))
    server.run(sockets=[listener])
