"""WhatsApp, for the suite of the channels' contract."""

import socket
from contextlib import suppress
from http.server import BaseHTTPRequestHandler

from pydantic import SecretStr

from models.notices import NoticeKind
from tests.fixtures.cloud_api import NUMBER_ID, TOKEN, Answer, CloudApi, fail
from tests.integration.worker.channels.conformance import PERSON, Fault
from worker.channels.contract import Message, Recipient
from worker.channels.letter import Words
from worker.channels.reach import Reach
from worker.channels.whatsapp import WhatsApp

NUMBER = f"+{PERSON[2]}"
HERE = Reach(private=True, loopback=True, plain=True)
SAID = f"{PERSON[0]} ({NUMBER}, {TOKEN}) is refused"


def message(number: int, address: str | None = None) -> Message:
    """Return a message to ``PERSON``."""
    return Message(
        NoticeKind.WELCOME,
        f"welcome:{number}:whatsapp",
        f"<{number}@example.com>",
        Recipient(PERSON[0], address or NUMBER, "en"),
        Words("Your access is there", "text", "<p>text</p>"),
        {"name": PERSON[0], "shop": "The shop", "course": "Python Basics"},
    )


def channel_to(url: str) -> WhatsApp:
    """Return a channel to an API."""
    token = SecretStr(TOKEN)
    return WhatsApp(f"{url}/v23.0/{NUMBER_ID}", token, "course_access", HERE)


class WhatsAppSide:
    """The Cloud API, misbehaving."""

    def __init__(self, api: CloudApi) -> None:
        self._api = api

    def channel(self) -> WhatsApp:
        return channel_to(self._api.url)

    def nowhere(self) -> WhatsApp:
        return channel_to("http://127.0.0.1:9")

    def message(self, number: int, address: str | None = None) -> Message:
        return message(number, address)

    def misbehave(self, fault: Fault | None) -> None:
        answers: dict[Fault | None, Answer] = {
            Fault.BUSY: lambda request: fail(request, 429, 130429, SAID),
            Fault.REFUSED: lambda request: fail(request, 400, 131009, SAID),
            Fault.NOBODY: lambda request: fail(request, 400, 131026, SAID),
            Fault.US: lambda request: fail(request, 401, 190, SAID),
            Fault.SILENT: self._wait,
            Fault.SLOW: self._drip,
        }
        self._api.answer = answers.get(fault)
        ends: dict[Fault | None, Answer] = {
            Fault.LOST: self._hang_up,
            Fault.MUTE: self._wait,
        }
        self._api.confirm = ends.get(fault)

    def received(self) -> int:
        return len(self._api.taken)

    def connections(self) -> int:
        return self._api.connections

    def cut(self) -> None:
        for connection in self._api.open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _hang_up(self, request: BaseHTTPRequestHandler) -> None:
        request.close_connection = True

    def _wait(self, request: BaseHTTPRequestHandler) -> None:
        request.close_connection = self._api.over.wait()

    def _drip(self, request: BaseHTTPRequestHandler) -> None:
        request.close_connection = True
        while not self._api.over.wait(0.02):
            request.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
