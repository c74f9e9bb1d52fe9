"""What a right destination is: ``connect`` makes it so, the doctor judges by it."""

import re
from collections.abc import Collection
from datetime import datetime
from typing import Any
from urllib.parse import SplitResult, urlsplit

from worker.channels.reach import Reach
from worker.providers.paddle.event_types import EVENT_TYPES, Outcome
from worker.settings import Environment

#: Where a person switches destinations on and off, in the dashboard.
NOTIFICATIONS = "Paddle > Developer tools > Notifications"
#: Where the receiver takes Paddle's deliveries.
PATH = "/webhooks/paddle"
_MARK = re.compile(r"[?&]secret=(\d{20})(?:[&#]|$)")
_USUAL_PORTS = {"http": 80, "https": 443}
_LABEL = r"[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?"
#: A name of the internet has a dot, and no number as its end: ``127.1`` is an address.
_NAME = re.compile(rf"(?:{_LABEL}\.)+(?=[a-z]){_LABEL}")
#: Names that end so lead nowhere from outside (RFC 6761, RFC 6762).
_INSIDE = ("local", "localhost", "localdomain", "internal")
#: Of this machine or a network of one's own, where names may be anything.
_HOST = re.compile(r"[a-z\d._:-]+")


def wanted_of(environment: Environment, offered: Collection[str]) -> dict[str, Any]:
    """Return how a destination is to be, as Paddle's API writes it.

    Args:
        environment: Of the account.
        offered: The event types that the account knows.
    """
    return {
        "active": True,
        "traffic_source": traffic_of(environment),
        "subscribed_events": sorted(types_of(offered)),
    }


def marked(address: str, at: datetime) -> str:
    """Return an address with the mark of a rotation."""
    return f"{bare(address)}?secret={at:%Y%m%d%H%M%S%f}"


def mark_of(address: str) -> str:
    """Return the mark of a rotation, a later one the greater; empty: it has none.

    That tells what took over from what, and no id does: they need not grow.
    """
    found = _MARK.search(address)
    return found[1] if found else ""


def traffic_of(environment: Environment) -> str:
    """Return what it takes: in production no simulations, which are ignored there."""
    return "platform" if environment is Environment.PRODUCTION else "all"


def types_of(offered: Collection[str]) -> frozenset[str]:
    """Return the event types that are of use: to another nobody can subscribe."""
    ours = {n for n, one in EVENT_TYPES.items() if one.outcome is not Outcome.IGNORED}
    return frozenset(ours.intersection(offered))


def bare(address: str) -> str:
    """Return an address as it is compared: one for all the ways of writing it.

    Without what follows a ``?``, where a rotation leaves its mark.
    """
    url = _read(address)
    if url is None or url.hostname is None:
        return re.split(r"[?#]", address, maxsplit=1)[0]
    host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname.rstrip(".")
    port = "" if url.port in {None, _USUAL_PORTS.get(url.scheme)} else f":{url.port}"
    return f"{url.scheme}://{host}{port}{url.path}"


def problem_of(address: str, environment: Environment) -> str:
    """Say why Paddle's deliveries to an address do not arrive; empty: they may."""
    url = _read(address)
    host = (url.hostname if url else None) or ""
    if url is None or url.scheme not in _USUAL_PORTS or not _HOST.fullmatch(host):
        return "that is no address: https://host"
    if "@" in url.netloc:
        return "that names a user, and the receiver asks for none: leave it out"
    is_local = environment is Environment.LOCAL
    if url.scheme != "https" and not is_local:
        return "that is not https, and Paddle delivers to nothing else"
    if not (is_local or _is_public(host)):
        return "that cannot be reached from the internet: open a tunnel and name that"
    return "" if url.path.endswith(PATH) else _elsewhere(url)


def _elsewhere(url: SplitResult) -> str:
    prefix = url.path.rstrip("/")
    right = url._replace(path=PATH, query="", fragment="")
    words = f"the receiver takes deliveries at {PATH} only, so name {right.geturl()}"
    if not prefix:
        return words
    behind = right._replace(path=f"{prefix}{PATH}").geturl()
    return f"{words}, or, where a proxy takes {prefix} away, {behind}"


def _read(address: str) -> SplitResult | None:
    try:
        url = urlsplit(address)
        # Read when they are asked for, and refused only then.
        is_whole = url.port != 0 and url.hostname and not re.search(r"\s", address)
    except ValueError:
        return None
    return url if is_whole else None


def _is_public(host: str) -> bool:
    """Tell whether Paddle may reach a host; what a name leads to is not asked."""
    try:
        outside = Reach(private=False, loopback=False, plain=False)
        return outside.problem_of(host) is None
    except ValueError:
        name = host.removesuffix(".")
        return bool(_NAME.fullmatch(name)) and name.split(".")[-1] not in _INSIDE
