"""The providers there are, by name, and how what they write is read."""

from collections.abc import Callable

from worker.providers.attempt import Attempt
from worker.providers.contract import Provider
from worker.providers.paddle import notifications as paddle_notifications
from worker.providers.paddle.provider import Paddle

PROVIDERS: dict[str, Provider] = {Paddle.name: Paddle()}
#: Reads what a provider lists of its deliveries; None: that one cannot be read.
ATTEMPTS: dict[str, Callable[[bytes], Attempt | None]] = {
    Paddle.name: paddle_notifications.attempt_of
}


def provider_of_price(price_id: str) -> str | None:
    """Return the provider that writes the ids of its prices so; None: there is none."""
    for name, provider in PROVIDERS.items():
        if provider.price_form.pattern.fullmatch(price_id):
            return name
    return None
