"""Which providers can be asked with our settings, and how often."""

from collections.abc import Callable

from worker.providers.paddle import account as paddle
from worker.settings import Settings

_ASKABLE: dict[str, Callable[[Settings], bool]] = {paddle.NAME: paddle.is_askable}
_REQUESTS_PER_MINUTE: dict[str, Callable[[Settings], int]] = {
    paddle.NAME: lambda config: config.paddle_requests_per_minute
}


def askable(config: Settings) -> list[str]:
    """Return the providers that can be asked with these settings."""
    return [name for name, is_askable in _ASKABLE.items() if is_askable(config)]


def requests_per_minute(config: Settings, provider: str) -> int:
    """Return how often a provider may be asked in any minute."""
    return _REQUESTS_PER_MINUTE[provider](config)
