"""One deadline over many steps."""

import socket
import threading
import time

import pytest

from worker.channels.deadline import Deadline, dial, within


def test_a_deadline_runs_out() -> None:
    deadline = Deadline(60)
    before = deadline.left()
    assert 0 < deadline.left() < before <= 60
    with pytest.raises(TimeoutError):
        Deadline(0).left()


def test_what_is_done_in_time_is_returned() -> None:
    assert within(Deadline(60), lambda: 42) == 42


def test_what_goes_wrong_in_time_is_raised() -> None:
    def fail() -> None:
        raise OSError("nobody there")

    with pytest.raises(OSError, match="nobody there"):
        within(Deadline(60), fail)


def test_what_takes_longer_is_not_waited_for() -> None:
    over = threading.Event()
    before = time.monotonic()
    with pytest.raises(TimeoutError):
        within(Deadline(0.05), lambda: over.wait(60))
    assert time.monotonic() - before < 30
    over.set()


def test_a_name_that_is_none_is_an_os_error() -> None:
    with pytest.raises(OSError, match="name"):
        dial(f"{'x' * 64}.example", 25, Deadline(60))


def test_the_next_address_is_tried_when_one_refuses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        here = server.getsockname()
        kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        addresses = [(*kind, ("127.0.0.1", 9)), (*kind, here)]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: addresses)
        with dial("two.example", 25, Deadline(60)) as connection:
            assert connection.getpeername() == here
