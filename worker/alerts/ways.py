"""The ways out of ``ALERT_URLS``, and handing a message over to one of them.

A message is handed over by a child process (``envoy.py``), which is killed when its
time is over. apprise (2.2) offers nothing that bounds the whole: its time-outs are of
sockets and start anew with each byte (4 s each by default, 15 for mail), it sleeps
between two requests of one address (``request_rate_per_sec``, up to 5.5 s), follows
redirects unless told not to, repeats and waits where an address asks for it, and its
own limit leaves the thread behind, for good if the server never ends. The child costs
a third of a second, and keeps apprise's log, which quotes addresses and texts, and
200 plugins out of the workers.

An address holds tokens. It is told to the child by its standard input alone, and
nothing that leaves this module quotes it: a way is called by its place and scheme.
"""

import json
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from models.alerts import MessageKind, Severity
from worker.alerts.inert import inert, inert_line
from worker.errors import SettingsError
from worker.processes.spawn import Program, signal_group, tied
from worker.setting_checks import ALERT_WAY
from worker.settings import ROOT, Settings, environ

ENVOY = Path(__file__).with_name("envoy.py")
#: Of a way's time, what the child needs before it has opened a connection.
STARTING_SECONDS = 0.5
CHECK_SECONDS = 15.0
#: apprise's name for how it looks: colours, icons, a pager's severity.
TYPES = {
    Severity.INFO: "info",
    Severity.WARNING: "warning",
    Severity.CRITICAL: "failure",
}
OVER = "success"


@dataclass(frozen=True, slots=True)
class Way:
    """One address of ``ALERT_URLS``."""

    #: From 1, as it stands in the setting.
    position: int
    scheme: str
    min_severity: Severity
    url: SecretStr

    @property
    def label(self) -> str:
        """How it is called wherever people read: ``2 (slack)``."""
        return f"{self.position} ({self.scheme})"


@dataclass(frozen=True, slots=True)
class Letter:
    """What is told, harmless and cut, and how it shall look."""

    title: str
    body: str
    type: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a way has not taken a message; safe to show."""

    way: Way
    reason: str
    #: It did not answer: asking again at once would only wait as long again.
    is_silent: bool = False
    #: It may have taken the message, and said nothing.
    is_doubtful: bool = False

    def __str__(self) -> str:
        """Return it as a part of a sentence."""
        return f"{self.way.label}: {self.reason}"


def ways_of(config: Settings) -> tuple[Way, ...]:
    """Return the ways out, in order; their form was checked with the settings."""
    return tuple(
        _way_of(position, url) for position, url in enumerate(config.alert_urls, 1)
    )


def _way_of(position: int, given: SecretStr) -> Way:
    whole = given.get_secret_value()
    parts = ALERT_WAY.fullmatch(whole)
    if parts is None:
        raise SettingsError(f"ALERT_URLS: number {position} is no address.")
    least = Severity(parts["least"] or Severity.INFO)
    url = SecretStr(whole[parts.start("scheme") :])
    return Way(position, parts["scheme"].lower(), least, url)


def check_ways(config: Settings) -> None:
    """Ask apprise whether it can read each address. Sends nothing; takes half a second.

    Raises:
        SettingsError: A sentence for each that it cannot read, without quoting it.
    """
    ways = ways_of(config)
    if not ways:
        return
    order = {"check": [way.url.get_secret_value() for way in ways]}
    try:
        readable = _ask(order, CHECK_SECONDS)["readable"]
    except (TimeoutError, OSError, ValueError, KeyError):
        return  # The machine is busy. Whoever sends will be told.
    sentences = [
        f"ALERT_URLS: apprise cannot read number {way.label}."
        for way, fine in zip(ways, readable, strict=True)
        if not fine
    ]
    if sentences:
        raise SettingsError("\n".join(sentences))


def letter_of(kind: MessageKind, severity: Severity, title: str, body: str) -> Letter:
    """Write what goes out."""
    look = OVER if kind is MessageKind.RESOLVED else TYPES[severity]
    return Letter(inert_line(title), inert(body), look)


def hand_over(way: Way, letter: Letter, seconds: float) -> Refusal | None:
    """Hand a letter to one way, and wait no longer than so many seconds.

    Returns:
        Why it was not taken; None: it was.
    """
    order = {
        "url": way.url.get_secret_value(),
        "title": letter.title,
        "body": letter.body,
        "type": letter.type,
        "seconds": max(seconds - STARTING_SECONDS, seconds / 2),
    }
    try:
        answer = _ask(order, seconds)
        taken, reason = bool(answer["taken"]), str(answer["why"])
        is_doubtful = bool(answer.get("doubt"))
    except TimeoutError:
        reason = f"no answer within {seconds:.0f} s"
        return Refusal(way, reason, is_silent=True, is_doubtful=True)
    except (OSError, ValueError, KeyError):
        return Refusal(way, "its process ended without an answer")
    if taken:
        return None
    is_silent = reason.startswith("no answer")
    return Refusal(way, reason, is_silent=is_silent, is_doubtful=is_doubtful)


def _ask(order: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Let a child do something; it ends when the time is over, and when we end.

    Raises:
        TimeoutError: It was not over in time.
        OSError: It could not be started.
        ValueError: It has not answered.
    """
    program = Program((sys.executable, "-I", str(ENVOY)), ROOT)
    child = subprocess.Popen(  # noqa: S603 (our own program)
        tied(program),
        cwd=ROOT,
        env=_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        said, _ = child.communicate(json.dumps(order).encode(), timeout=seconds)
    except subprocess.TimeoutExpired:
        raise TimeoutError from None
    finally:
        _end(child)
    answer: dict[str, Any] = json.loads(said)
    return answer


def _end(child: "subprocess.Popen[bytes]") -> None:
    if child.poll() is None:
        signal_group(child, signal.SIGKILL)
    child.wait()
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()


def _environment() -> dict[str, str]:
    # Proxies and certificates, as the shell has them, and none of our secrets.
    ours = {name.upper() for name in Settings.model_fields}
    # Settings are read whatever their case.
    return {k: value for k, value in environ().items() if k.upper() not in ours}
