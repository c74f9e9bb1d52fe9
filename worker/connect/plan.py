"""What is to be connected, checked before anybody is asked."""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from worker.connect.destination import PATH, bare, problem_of
from worker.connect.errors import ConnectError
from worker.errors import SettingsError
from worker.providers.paddle.account import address_of
from worker.providers.paddle.permissions import KEYS
from worker.settings import Environment

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
    address = address_of(environment, given.get("PADDLE_API_URL"))
    if not address:
        raise SettingsError("PADDLE_API_URL is not set: where is the local Paddle?")
    return Plan(
        environment,
        address,
        key,
        destination_of(url, environment),
        env_file,
        listed(given.get("PADDLE_WEBHOOK_SECRETS", "")),
        dry_run,
    )


def listed(secrets: str) -> tuple[str, ...]:
    """Return the secrets of a value of ``PADDLE_WEBHOOK_SECRETS``."""
    return tuple(one.strip() for one in secrets.split(",") if one.strip())


def destination_of(url: str, environment: Environment) -> str:
    """Return where deliveries go; without a path it is the receiver's.

    Raises:
        ConnectError: No delivery would arrive there.
    """
    whole, query = url.rstrip("/"), ""
    with suppress(ValueError):
        parts = urlsplit(url)
        query = f"?{parts.query}" if parts.query else ""
        path = parts.path.rstrip("/") or PATH
        whole = parts._replace(path=path, query="", fragment="").geturl()
    if problem := problem_of(whole, environment):
        # Whoever names a user may name a password as well.
        told = re.sub(r"//[^/?#]*@", "//", url)
        raise ConnectError("address", f"{told}: {problem}.")
    return f"{bare(whole)}{query}"
