"""What is to be connected, checked before anybody is asked."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from worker.channels.reach import Reach
from worker.connect.errors import ConnectError
from worker.errors import SettingsError
from worker.providers.paddle.account import ADDRESSES
from worker.settings import Environment

#: Where the receiver takes Paddle's deliveries.
PATH = "/webhooks/paddle"
KEYS = "Paddle > Developer tools > Authentication"
#: Every machine is that to itself.
_HERE = {"localhost", "localhost.localdomain"}
_MARKS = {"sdbx": Environment.SANDBOX, "live": Environment.PRODUCTION}
#: Keys of before 2025-05-06 do not say where they belong.
_KEY = re.compile(r"pdl_(?P<mark>[a-z]+)_.+")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is connected with what."""

    environment: Environment
    #: Of Paddle's API.
    address: str
    key: str = field(repr=False)
    #: Where deliveries are to go.
    destination: str
    #: Where the secret is written; None: it is printed.
    env_file: Path | None = None
    #: Of this deployment so far, newest first.
    secrets: tuple[str, ...] = field(default=(), repr=False)
    dry_run: bool = False


def plan_of(
    environment: Environment,
    url: str,
    given: Mapping[str, str],
    env_file: Path | None = None,
    *,
    dry_run: bool = False,
) -> Plan:
    """Return the plan for these settings.

    Args:
        environment: As asked for.
        url: Where this deployment is reached.
        given: Values of settings by the names of their variables.
        env_file: Where the secret goes.
        dry_run: Nothing is changed.

    Raises:
        ConnectError: The key or the address is of another environment, or none.
        SettingsError: There is no key.
    """
    key = given.get("PADDLE_API_KEY", "")
    if not key:
        raise SettingsError(f"PADDLE_API_KEY is not set: make a key under {KEYS}.")
    mark = _KEY.fullmatch(key)
    belongs = _MARKS.get(mark["mark"]) if mark else None
    if environment is not Environment.LOCAL and belongs not in {None, environment}:
        raise ConnectError(
            "environment",
            f"PADDLE_API_KEY is a key of {belongs}, not of {environment}. Say"
            f" --environment {belongs}, or make a key in the other account ({KEYS}).",
        )
    known = given.get("PADDLE_ENVIRONMENT")
    if known and known != environment:
        raise ConnectError(
            "environment",
            f"PADDLE_ENVIRONMENT is {known}, not {environment}: an environment has a"
            " deployment and a database of its own.",
        )
    address = ADDRESSES.get(environment) or given.get("PADDLE_API_URL")
    if not address:
        raise SettingsError("PADDLE_API_URL is not set: where is the local Paddle?")
    secrets = given.get("PADDLE_WEBHOOK_SECRETS", "").split(",")
    return Plan(
        environment,
        address,
        key,
        destination_of(url, environment),
        env_file,
        tuple(one.strip() for one in secrets if one.strip()),
        dry_run,
    )


def destination_of(url: str, environment: Environment) -> str:
    """Return where deliveries go; without a path it is the receiver's.

    Raises:
        ConnectError: Paddle could not deliver there.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        host = None
    if not host or parts.scheme not in {"http", "https"}:
        raise ConnectError("address", f"{url} is no address: https://host.")
    is_local = environment is Environment.LOCAL
    if parts.scheme != "https" and not is_local:
        raise ConnectError("address", f"{url} is not https: Paddle needs that.")
    if not is_local and not is_public(host):
        raise ConnectError(
            "address",
            f"{host} cannot be reached from the internet: open a tunnel and name that.",
        )
    return parts._replace(path=parts.path.rstrip("/") or PATH, fragment="").geturl()


def is_public(host: str) -> bool:
    """Tell whether Paddle may reach a host; what a name leads to is not asked."""
    try:
        outside = Reach(private=False, loopback=False, plain=False)
        return outside.problem_of(host) is None
    except ValueError:
        return host not in _HERE
