"""What a receiver bears from the network: sizes, slowness, strange HTTP."""

import socket
import time
from contextlib import suppress

import pytest
from sqlalchemy import Engine

from bench.load import body_of, request_of
from tests.fixtures.receivers import (
    PATIENT,
    SECRET,
    Running,
    StartReceiver,
    read_answer,
)
from web_hook.body import MAX_BODY_BYTES

HEAD = b"POST /webhooks/paddle HTTP/1.1\r\nHost: x\r\nPaddle-Signature: ts=1;h1=a\r\n"
#: For what comes at all; a busy machine is no failure.
SECONDS = 60
#: More than the buffers of two sockets can hold; a sender is cut before that.
MUCH_BYTES = 16 * 1024 * 1024


def test_a_body_announced_too_large_is_answered_before_it_is_sent(
    receiver: Running,
) -> None:
    answer = receiver.ask(HEAD + b"Content-Length: %d\r\n\r\n" % (MAX_BODY_BYTES + 1))
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in answer


def test_a_chunked_body_is_cut_at_the_limit(receiver: Running) -> None:
    with socket.create_connection(receiver.address, SECONDS) as connection:
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        chunk = b"%x\r\n" % 65536 + b"x" * 65536 + b"\r\n"
        sent = 0
        answer = b""
        try:
            while sent < 2 * MAX_BODY_BYTES:
                connection.sendall(chunk)
                sent += 65536
            answer = read_answer(connection)
        except OSError:
            pass
    # The answer may be lost in the reset; what matters is that reading ended.
    assert answer.startswith(b"HTTP/1.1 413 ") or not answer
    assert receiver.metric(refused("body_too_large")) == 1


def test_the_largest_body_is_stored(receiver: Running) -> None:
    body = body_of("evt_1", note="x" * (MAX_BODY_BYTES - 6000))
    assert MAX_BODY_BYTES - 6000 < len(body) <= MAX_BODY_BYTES
    assert receiver.post(body) == 200


def test_a_chunked_signed_body_is_stored(receiver: Running) -> None:
    body = body_of("evt_1")
    head, _, _ = request_of(body, SECRET).partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if b"Content-Length" not in line]
    chunks = b"".join(
        b"%x\r\n%s\r\n" % (len(body[i : i + 999]), body[i : i + 999])
        for i in range(0, len(body), 999)
    )
    request = b"\r\n".join([*lines, b"Transfer-Encoding: chunked", b"", chunks])
    assert receiver.ask(request + b"0\r\n\r\n").startswith(b"HTTP/1.1 200 ")


def test_a_body_that_does_not_come_is_cut(receiver: Running) -> None:
    began = time.monotonic()
    with socket.create_connection(receiver.address, SECONDS) as connection:
        connection.sendall(HEAD + b"Content-Length: 100\r\n\r\n{")
        answer = read_answer(connection)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert connection.recv(1) == b""
    assert 4.5 < time.monotonic() - began < SECONDS
    assert receiver.metric(refused("body_too_slow")) == 1


def test_headers_that_do_not_end_are_cut(receiver: Running) -> None:
    began = time.monotonic()
    with (
        socket.create_connection(receiver.address, SECONDS) as slow,
        socket.create_connection(receiver.address, SECONDS) as second,
    ):
        # A second request on a used connection has the same bound.
        second.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert read_answer(second).startswith(b"HTTP/1.1 200 ")
        second.sendall(b"GET /health HTT")
        slow.sendall(HEAD)
        assert ended(slow)
        assert ended(second)
    assert 4.5 < time.monotonic() - began < SECONDS


def test_endless_headers_are_cut(receiver: Running) -> None:
    with socket.create_connection(receiver.address, SECONDS) as connection:
        connection.sendall(HEAD + b"X-Long: ")
        assert poured(connection, b"x" * 1024) < MUCH_BYTES


def poured(connection: socket.socket, piece: bytes) -> int:
    """Send pieces until the other side ends it; return how many bytes went out."""
    sent = 0
    with suppress(ConnectionResetError, BrokenPipeError):
        while sent < 2 * MUCH_BYTES:
            connection.sendall(piece)
            sent += len(piece)
    return sent


@pytest.mark.parametrize("line", [b"T: " + b"x" * 61 + b"\r\n", b"x" * 64])
def test_endless_trailers_and_chunk_extensions_are_cut(
    receiver: Running, line: bytes
) -> None:
    opening = b"0\r\n" if line.startswith(b"T: ") else b"1;a="
    with socket.create_connection(receiver.address, SECONDS) as connection:
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + opening)
        assert poured(connection, line * 1000) < MUCH_BYTES
    assert receiver.get("/health")[0] == 200


def test_hundreds_of_slow_senders_do_not_hold_up_a_good_one(
    start_receiver: StartReceiver, engine: Engine
) -> None:
    # So that none of them ends before the good ones are through.
    receiver = start_receiver({**PATIENT, "body.BODY_SECONDS": 600})
    slow = [socket.create_connection(receiver.address, SECONDS) for _ in range(500)]
    try:
        for connection in slow:
            connection.sendall(HEAD + b"Content-Length: 100\r\n\r\n{")
        for number in range(20):
            assert receiver.post(body_of(f"evt_{number}")) == 200
    finally:
        for connection in slow:
            connection.close()


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /webhooks/paddle HTTP/1.1\r\nHost: x\r\n\r\n", b"405"),
        (b"POST /health HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", b"405"),
        (
            b"POST /webhooks/other HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
            b"404",
        ),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"404"),
        (b"nonsense\r\n\r\n", b"400"),
        (HEAD + b"Content-Length: -1\r\n\r\n", b"400"),
        (HEAD + b"Content-Length: x\r\n\r\n", b"400"),
        (HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", b"400"),
        (
            HEAD + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"400",
        ),
        (HEAD + b"Content-Length: 0\r\n\r\n", b"400"),
    ],
)
def test_strange_requests_get_a_plain_answer(
    receiver: Running, request_bytes: bytes, status: bytes
) -> None:
    assert receiver.ask(request_bytes)[9:12] == status


def refused(reason: str) -> str:
    return (
        'paddlewheel_deliveries_total{outcome="refused",provider="paddle",'
        f'reason="{reason}"}}'
    )


def ended(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True
