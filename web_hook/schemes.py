"""One signature scheme per provider: where its deliveries come in, and who judges."""

from collections.abc import Callable
from dataclasses import dataclass

from web_hook.verify import Accepted, Refused, verify
from worker.settings import Settings

Judge = Callable[[bytes | None, bytes, float], Accepted | Refused]


@dataclass(frozen=True, slots=True)
class Scheme:
    """How deliveries of one provider are known to be genuine."""

    #: The provider's name in our tables.
    provider: str
    #: Lower-case name of the header with the signature.
    header: bytes
    #: From header, body and the time in seconds since 1970 to a verdict. Total.
    judge: Judge


def schemes_of(config: Settings) -> dict[str, Scheme]:
    """Return the schemes by the path their deliveries come to."""
    secrets = tuple(
        secret.get_secret_value().encode() for secret in config.paddle_webhook_secrets
    )
    tolerance = config.paddle_tolerance_seconds

    def judge_paddle(
        header: bytes | None, body: bytes, now: float
    ) -> Accepted | Refused:
        return verify(header, body, secrets, now, tolerance)

    return {"/webhooks/paddle": Scheme("paddle", b"paddle-signature", judge_paddle)}
