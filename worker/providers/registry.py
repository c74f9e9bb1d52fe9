"""The providers there are, by name, and how each is asked."""

from collections.abc import Callable

from worker.providers.api import Gate, ProviderApi
from worker.providers.attempt import Attempt
from worker.providers.checkouts import CheckoutApi
from worker.providers.contract import Provider
from worker.providers.paddle import api as paddle_api
from worker.providers.paddle import checkout as paddle_checkout
from worker.providers.paddle import notifications as paddle_notifications
from worker.providers.paddle.provider import Paddle
from worker.settings import Settings

PROVIDERS: dict[str, Provider] = {Paddle.name: Paddle()}
#: Makes the API's client; a call takes that many seconds at most, and passes the gate.
APIS: dict[str, Callable[[Settings, float, Gate], ProviderApi]] = {
    Paddle.name: paddle_api.api_of
}
#: Opens checkouts; seconds and gate as above.
CHECKOUTS: dict[str, Callable[[Settings, float, Gate], CheckoutApi]] = {
    Paddle.name: paddle_checkout.checkouts_of
}
#: Reads what a provider lists of its deliveries; None: that one cannot be read.
ATTEMPTS: dict[str, Callable[[bytes], Attempt | None]] = {
    Paddle.name: paddle_notifications.attempt_of
}
_ASKABLE: dict[str, Callable[[Settings], bool]] = {Paddle.name: paddle_api.is_askable}

_REQUESTS_PER_MINUTE: dict[str, Callable[[Settings], int]] = {
    Paddle.name: lambda config: config.paddle_requests_per_minute
}


def provider_of_price(price_id: str) -> str | None:
    """Return the provider that writes the ids of its prices so; None: there is none."""
    for name, provider in PROVIDERS.items():
        if provider.price_form.pattern.fullmatch(price_id):
            return name
    return None


def askable(config: Settings) -> list[str]:
    """Return the providers that can be asked with these settings."""
    return [name for name, is_askable in _ASKABLE.items() if is_askable(config)]


def requests_per_minute(config: Settings, provider: str) -> int:
    """Return how often a provider may be asked in any minute."""
    return _REQUESTS_PER_MINUTE[provider](config)
