"""What a right destination is: ``connect`` makes it so, the doctor judges by it."""

import re
from collections.abc import Collection
from typing import Any
from urllib.parse import SplitResult, urlsplit

from worker.channels.reach import Reach
from worker.providers.paddle.event_types import EVENT_TYPES, Outcome
from worker.settings import Environment

#: Where the receiver takes Paddle's deliveries.
PATH = "/webhooks/paddle"
#: Every machine is that to itself.
_HERE = {"localhost", "localhost.localdomain"}


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


def traffic_of(environment: Environment) -> str:
    """Return what it takes: in production no simulations, which are ignored there."""
    return "platform" if environment is Environment.PRODUCTION else "all"


def types_of(offered: Collection[str]) -> frozenset[str]:
    """Return the event types that are of use: to another nobody can subscribe."""
    ours = {n for n, one in EVENT_TYPES.items() if one.outcome is not Outcome.IGNORED}
    return frozenset(ours.intersection(offered))


def bare(address: str) -> str:
    """Return an address without what follows a ``?``: a rotation leaves its mark there."""
    return re.split(r"[?#]", address, maxsplit=1)[0]


def problem_of(address: str, environment: Environment) -> str:
    """Say why Paddle's deliveries to an address do not arrive; empty: they may."""
    url = _read(address)
    if url is None or url.hostname is None or url.scheme not in {"http", "https"}:
        return "that is no address: https://host"
    is_local = environment is Environment.LOCAL
    if url.scheme != "https" and not is_local:
        return "that is not https, and Paddle delivers to nothing else"
    if not (is_local or _is_public(url.hostname)):
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
        _ = url.hostname, url.port
    except ValueError:
        return None
    return url


def _is_public(host: str) -> bool:
    """Tell whether Paddle may reach a host; what a name leads to is not asked."""
    try:
        outside = Reach(private=False, loopback=False, plain=False)
        return outside.problem_of(host) is None
    except ValueError:
        return host not in _HERE
