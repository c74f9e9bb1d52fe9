"""Whom to ask at Paddle, and as whom, by our settings; loads nothing that asks."""

from dataclasses import dataclass, field

from worker.errors import SettingsError
from worker.providers.api import Gate, OpenGate
from worker.settings import Environment, Settings

#: As our rows call Paddle.
NAME = "paddle"
ADDRESSES = {
    Environment.SANDBOX: "https://sandbox-api.paddle.com",
    Environment.PRODUCTION: "https://api.paddle.com",
}


@dataclass(frozen=True, slots=True)
class Account:
    """Whom to ask, and as whom."""

    #: With scheme, without path.
    address: str
    #: Goes into one header and nowhere else.
    key: str = field(repr=False)
    #: Of our notification destinations, to know them by.
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    #: Who is asked before each request.
    gate: Gate = field(default_factory=OpenGate)


def is_askable(config: Settings) -> bool:
    """Tell whether the settings have what it takes to ask."""
    address = address_of(config.paddle_environment, config.paddle_api_url)
    return config.paddle_api_key is not None and address is not None


def account_of(config: Settings, gate: Gate | None = None) -> Account:
    """Return whom to ask, as whom; raises as ``api_of``."""
    address = address_of(config.paddle_environment, config.paddle_api_url)
    if config.paddle_api_key is None or address is None:
        raise SettingsError("PADDLE_API_KEY is not set: Paddle cannot be asked.")
    return Account(
        address,
        config.paddle_api_key.get_secret_value(),
        frozenset(one.get_secret_value() for one in config.paddle_webhook_secrets),
        gate or OpenGate(),
    )


def address_of(environment: Environment, local: str | None) -> str | None:
    """Return where the API of an environment is; None: nowhere.

    Args:
        environment: Whose account it is.
        local: Where the local Paddle is, if there is one.
    """
    return ADDRESSES.get(environment, local)
