"""A fast sender: as many deliveries as the connections carry, answers and times kept.

Raw asyncio protocols instead of an HTTP client, which would need most of the machine
for itself. One delivery at a time per connection, as Paddle sends.

    python -m bench.load --secret pdl_ntfset_… --events 20000 --connections 128
"""

import argparse
import asyncio
import hashlib
import hmac
import json
import sys
import time
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import cast

import uvloop

HEADER_END = b"\r\n\r\n"
NANOSECONDS = 1_000_000_000
#: About what a purchase's events weigh.
BODY_BYTES = 5_000
#: How long an answer is waited for before the connection is given up.
ANSWER_SECONDS = 10.0


@dataclass(slots=True)
class LoadResult:
    """What became of the deliveries."""

    #: Status per delivery, by position; None where no answer came.
    statuses: list[int | None]
    #: Seconds from the first byte sent to the answer, of those answered.
    latencies: list[float] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def counts(self) -> Counter[int | None]:
        """How many deliveries ended with which status."""
        return Counter(self.statuses)

    @property
    def per_second(self) -> float:
        """Answers per second."""
        return len(self.latencies) / self.seconds if self.seconds else 0.0

    def latency_ms(self, share: float) -> float:
        """Return the latency that the given share of answers kept, in milliseconds."""
        ordered = sorted(self.latencies)
        return 1000 * ordered[int(share * (len(ordered) - 1))] if ordered else 0.0

    def summary(self) -> dict[str, object]:
        """Return the figures that a person wants to see."""
        return {
            "deliveries": len(self.statuses),
            "answers": {str(status): n for status, n in self.counts.items()},
            "per_second": round(self.per_second),
            "p50_ms": round(self.latency_ms(0.5), 1),
            "p99_ms": round(self.latency_ms(0.99), 1),
            "max_ms": round(self.latency_ms(1), 1),
            "seconds": round(self.seconds, 2),
        }


def signature_of(secret: bytes, body: bytes, now: int) -> str:
    """Return a ``Paddle-Signature`` header."""
    signed = str(now).encode() + b":" + body
    return f"ts={now};h1={hmac.digest(secret, signed, hashlib.sha256).hex()}"


def request_of(
    body: bytes,
    secret: bytes,
    *,
    now: int | None = None,
    path: str = "/webhooks/paddle",
) -> bytes:
    """Return a whole HTTP request that carries a signed body."""
    stamp = int(time.time()) if now is None else now
    return (
        f"POST {path} HTTP/1.1\r\n"
        "Host: receiver\r\n"
        "Content-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n"
        f"Paddle-Signature: {signature_of(secret, body, stamp)}\r\n"
        "\r\n"
    ).encode() + body


def body_of(event_id: str, *, size_bytes: int = BODY_BYTES, note: str = "") -> bytes:
    """Return a body of Paddle's form and of about the given size."""
    line = {"id": "txnitm_01hv8wptq8987qeep44cyr1k2n", "quantity": 1, "totals": {}}
    data = {"id": f"txn_{event_id}", "status": "completed", "note": note, "lines": []}
    lines = [line] * max(0, (size_bytes - 300) // 75)
    whole = {
        "data": {**data, "lines": lines},
        "event_id": event_id,
        "event_type": "transaction.completed",
        "occurred_at": "2026-11-21T03:40:00.123456Z",
        "notification_id": f"ntf_{event_id}",
    }
    return json.dumps(whole, separators=(",", ":")).encode()


class _Sender(asyncio.Protocol):
    """One connection, sending one request after the other."""

    def __init__(self, run: "_Run") -> None:
        self._run = run
        self._transport: asyncio.Transport | None = None
        self._position: int | None = None
        self._began_ns = 0
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not isinstance: uvloop's transports are not asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        self._next()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(HEADER_END)
        if end < 0 or self._position is None:
            return
        head = self._buffer[:end].lower()
        length = 0
        if b"content-length:" in head:
            length = int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        if len(self._buffer) < end + len(HEADER_END) + length:
            return
        self._run.answered(self._position, int(head[9:12]), self._began_ns)
        self._buffer = b""
        self._position = None
        if b"connection: close" not in head:
            self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._run.lost(self._position)

    def _next(self) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if not self._run.left:
            transport.close()
            return
        self._position = self._run.left.popleft()
        self._began_ns = time.perf_counter_ns()
        transport.write(self._run.requests[self._position])


class _Run:
    """All connections of one load."""

    def __init__(self, host: str, port: int, requests: Sequence[bytes]) -> None:
        self.requests = requests
        self.left = deque(range(len(requests)))
        self.result = LoadResult([None] * len(requests))
        self._address = (host, port)
        self._open = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended = asyncio.Event()

    def answered(self, position: int, status: int, began_ns: int) -> None:
        self.result.statuses[position] = status
        self.result.latencies.append((time.perf_counter_ns() - began_ns) / NANOSECONDS)

    def lost(self, position: int | None) -> None:
        # What had been sent stays unanswered; the next one goes over a new connection.
        del position
        self._open -= 1
        self.open()

    def open(self) -> None:
        if not self.left:
            if not self._open:
                self._ended.set()
            return
        self._open += 1
        task = asyncio.get_running_loop().create_task(self._connect())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: _Sender(self), *self._address)
        except OSError:
            # Nobody listens: that delivery is lost on the sender's side.
            await asyncio.sleep(0.01)
            if self.left:
                self.left.popleft()
            self.lost(None)

    async def wait(self, timeout_seconds: float | None) -> LoadResult:
        began = time.perf_counter()
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._ended.wait()
        except TimeoutError:
            self.left.clear()
        self.result.seconds = time.perf_counter() - began
        return self.result


async def send(
    address: tuple[str, int],
    requests: Sequence[bytes],
    connections: int = 64,
    timeout_seconds: float | None = None,
) -> LoadResult:
    """Send all requests over so many connections, and return what became of them.

    Args:
        address: Host and port.
        requests: Whole HTTP requests, as ``request_of`` makes them.
        connections: How many are open at once; lost ones are opened anew.
        timeout_seconds: After this the rest is left unanswered.
    """
    run = _Run(*address, requests)
    for _ in range(min(connections, len(requests))):
        run.open()
    return await run.wait(timeout_seconds)


def run_load(
    address: tuple[str, int],
    requests: Iterable[bytes],
    connections: int = 64,
    timeout_seconds: float | None = None,
) -> LoadResult:
    """Do as ``send`` in an event loop of its own."""
    return uvloop.run(send(address, list(requests), connections, timeout_seconds))


def main() -> int:
    """Send new events to a receiver and print what became of them, as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--secret", required=True)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--connections", type=int, default=128)
    parser.add_argument("--body-bytes", type=int, default=BODY_BYTES)
    given = parser.parse_args()
    stamp = time.time_ns()
    requests = [
        request_of(
            body_of(f"evt_{stamp}_{number}", size_bytes=given.body_bytes),
            given.secret.encode(),
        )
        for number in range(given.events)
    ]
    result = run_load((given.host, given.port), requests, given.connections)
    sys.stdout.write(json.dumps(result.summary()) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
