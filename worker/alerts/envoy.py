"""Hands one message to one service by apprise, as a process of its own; see ways.py.

Run by path with ``-I``. Reads an order as JSON from standard input, answers with JSON
on standard output, says nothing else: apprise writes addresses and texts to its log.
It can be killed at any moment, which nothing within a process could be.
"""

import json
import os
import smtplib
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import requests
import urllib3
from apprise import Apprise, AppriseAsset, NotifyFormat, NotifyType, OverflowMode
from apprise.conversion import convert_between
from apprise.plugins.base import NotifyBase

#: As ``worker.alerts.inert`` has it; nothing of ours can be imported with ``-I``.
CUT = "…"
UNREADABLE = "apprise cannot read it"
#: It answered, with a yes that means no (Slack does), or by a way we cannot hear.
NOT_TAKEN = "not accepted"
#: From which status on an answer is none that we want. 300: see ``read``.
FIRST_NO = {requests.Session: 300, smtplib.SMTP: 400}
#: What breaks off after the request was sent.
CUT_SHORT = (urllib3.exceptions.ProtocolError, urllib3.exceptions.ReadTimeoutError)


def read(url: str) -> NotifyBase | None:
    """Make ready the service of an address; None: apprise cannot read it.

    Redirects are not followed unless the address asks for them (``redirect=yes``):
    they would carry the text to whoever is named there.
    """
    asset = AppriseAsset(
        app_id="Paddlewheel",
        app_desc="Paddlewheel",
        app_url="",
        http_redirects=False,
        interpret_emojis=False,
        storage_mode="memory",
    )
    return Apprise.instantiate(url, asset=asset)


def send(service: NotifyBase, order: dict[str, Any]) -> bool:
    """Send as plain text, as one message; True: the service has taken it.

    Not by ``Apprise.notify``: that repeats, waits and says yes to a failure where an
    address asks for it (``retry=5``, ``wait=60``, ``optional=yes``).
    """
    seconds = float(order["seconds"])
    service.socket_connect_timeout = min(service.socket_connect_timeout, seconds)
    service.socket_read_timeout = seconds
    return service.notify(
        title=order["title"],
        body=fitted(service, order["title"], order["body"]),
        notify_type=NotifyType(order["type"]),
        body_format=NotifyFormat.TEXT,
        overflow=OverflowMode.TRUNCATE,
    )


def fitted(service: NotifyBase, title: str, body: str) -> str:
    """Cut a text so that it fits the service after it was escaped for it.

    apprise would cut what is escaped already, in the middle of ``&lt;`` say, and the
    service would refuse the rest.
    """
    wanted = service.resolve_format(NotifyFormat.TEXT)

    def size(text: str) -> int:
        escaped: str = convert_between(NotifyFormat.TEXT, wanted, text)  # type: ignore[no-untyped-call]  # (of apprise)
        return len(escaped)

    # Where there is no title it becomes the first line, marked up.
    room = service.body_maxlen - (size(title) + 20 if service.title_maxlen <= 0 else 0)
    kept, cut = len(body), body
    while kept > 1 and size(cut) > room:
        kept = kept * 7 // 8
        cut = body[:kept].rstrip() + CUT
    return cut


class Ear:
    """Hears how the other side answers, for apprise tells only yes or no."""

    def __init__(self) -> None:
        """Listen to whatever is sent over HTTP or SMTP from here on."""
        self.heard = NOT_TAKEN
        #: Whether it may have taken the message, and only the answer is missing.
        self.doubt = False
        self._overhear(requests.Session, "send", lambda answer: answer.status_code)
        self._overhear(smtplib.SMTP, "connect", lambda answer: answer[0])
        self._overhear(smtplib.SMTP, "getreply", lambda answer: answer[0])
        self._overhear(smtplib.SMTP, "data", lambda answer: answer[0])
        setattr(smtplib.SMTP, "quit", part)  # noqa: B010 (mypy: no method to set)

    # Any: whatever these take and return.
    def _overhear(self, owner: Any, name: str, code: Callable[[Any], int]) -> None:  # noqa: ANN401
        ask = getattr(owner, name)

        def overheard(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401
            try:
                answer = ask(*arguments, **options)
            except smtplib.SMTPResponseException:
                raise  # an answer, heard already
            except (OSError, smtplib.SMTPException) as error:
                # Never its text: that has the address in it.
                self.heard = f"no answer: {type(error).__name__}"
                self.doubt = self.doubt or is_doubtful(name, error)
                raise
            if code(answer) >= FIRST_NO[owner]:
                self.heard = f"answered {code(answer)}"
            return answer

        setattr(owner, name, overheard)


def part(connection: smtplib.SMTP) -> None:
    """Say goodbye and wait for no answer: what was taken is taken without it."""
    with suppress(OSError):
        connection.putcmd("quit")
    connection.close()


def is_doubtful(step: str, error: OSError) -> bool:
    """Tell whether the other side may have the message, though it did not say so."""
    if isinstance(error, requests.RequestException):
        return bool(error.args) and isinstance(error.args[0], CUT_SHORT)
    return step == "data"


def answer_to(order: dict[str, Any]) -> dict[str, Any]:
    """Do what was ordered: check addresses, or send to one."""
    if "check" in order:
        return {"readable": [read(url) is not None for url in order["check"]]}
    service = read(order["url"])
    if service is None:
        return {"taken": False, "why": UNREADABLE}
    ear = Ear()
    try:
        taken = send(service, order)
    except Exception as error:  # noqa: BLE001 (plugins raise what they like)
        return {"taken": False, "why": f"apprise failed: {type(error).__name__}"}
    return {"taken": taken, "why": ear.heard, "doubt": ear.doubt}


def main() -> int:
    """Answer one order."""
    with os.fdopen(os.dup(sys.stdout.fileno()), "w") as out:
        # What a plugin prints is no answer.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        json.dump(answer_to(json.load(sys.stdin)), out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
