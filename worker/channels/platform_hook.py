"""Tells the course platform what it must know: Standard Webhooks over HTTP.

The whole state of one thing, each time; the same id for the same version of it, so that
the platform can tell a repetition. Access depends on it, so it is repeated until the
platform says 2xx; a redirect is not followed, for it would carry the learner's
address to whoever is named there.
Source: https://github.com/standard-webhooks/standard-webhooks (spec 1.0).
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from standardwebhooks import Webhook

from models.outgoing import DeliveryKind
from worker.channels.deadline import Deadline
from worker.channels.errors import UnreachableError
from worker.channels.outgoing_http import OutgoingHttp, Request
from worker.channels.reach import Reach
from worker.errors import TransientError
from worker.retry_after import pause_of

#: What the ``webhook-id`` of each kind begins with.
PREFIXES = {
    DeliveryKind.ENROLLMENT: "enr",
    DeliveryKind.ORDER: "ord",
    DeliveryKind.PAYMENT: "pay",
}
#: Of what happens once there is one version.
ONLY_VERSION = 1
#: Of an answer only the status counts, and of that the class (RFC 9110, 15).
DONE = 2


@dataclass(frozen=True, slots=True)
class News:
    """What the platform is to be told."""

    webhook_id: str
    version: int
    body: str


def news_of(row: Mapping[str, Any], delivery: tuple[int, datetime]) -> News:
    """Write down one version of an enrollment: byte for byte the same each time.

    Args:
        row: The row of ``course_access``, whole.
        delivery: Id of the enrollment, and when its delivery row came to be: together
            they are unique even if the database is made anew.
    """
    enrollment_id, since = delivery
    version: int = row["version"]
    thing = f"{enrollment_id} {_moment(since)} {version}"
    return _write(DeliveryKind.ENROLLMENT, thing, row["changed_at"], row, version)


def moment_news_of(
    kind: DeliveryKind, subject: tuple[str, str], at: datetime, data: Mapping[str, Any]
) -> News:
    """Write down what happened once, with its state as it is now.

    Args:
        kind: What happened.
        subject: The provider, and the provider's id of it: the same for good, even if
            the database is made anew.
        at: When it happened.
        data: The state.
    """
    return _write(kind, " ".join(subject), at, data, ONLY_VERSION)


def signed(signer: Webhook, news: News) -> dict[str, str]:
    """Return the headers of a hook that is sent now."""
    now = datetime.now(UTC)
    return {
        "content-type": "application/json",
        "webhook-id": news.webhook_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signer.sign(news.webhook_id, now, news.body),
    }


class PlatformHook:
    """The platform's address, with connections that are kept during one run."""

    def __init__(self, url: str, secret: str, reach: Reach) -> None:
        """Prepare; nothing is opened yet."""
        self._url = url
        self._signer = Webhook(secret)
        self._http = OutgoingHttp(reach)

    def __enter__(self) -> Self:
        """Use it for one run."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close what it has opened."""
        self._http.close()

    def tell(self, news: News, deadline: Deadline) -> None:
        """Tell it, once.

        Returns only if the platform has acknowledged.

        Raises:
            ForbiddenAddressError: No request may go to its address.
            UnreachableError: It did not answer, or not in time.
            TransientError: It answered otherwise; ``wait_at_least`` says for how long
                it asked to be left alone.
        """
        headers = signed(self._signer, news)
        request = Request(self._url, headers, news.body.encode())
        try:
            answer = self._http.send(request, deadline)
        except TimeoutError as error:
            raise UnreachableError(str(error)) from None
        except ConnectionError as error:
            raise TransientError(str(error)) from None
        if answer.status // 100 != DONE:
            pause = pause_of(answer.retry_after)
            raise TransientError(f"answered {answer.status}", pause)


def _write(
    kind: DeliveryKind, thing: str, at: datetime, data: Mapping[str, Any], version: int
) -> News:
    payload = {"type": kind, "timestamp": at, "data": dict(data)}
    return News(
        f"{PREFIXES[kind]}_{hashlib.sha256(thing.encode()).hexdigest()[:32]}",
        version,
        json.dumps(payload, ensure_ascii=False, separators=(",", ":"), default=_moment),
    )


def _moment(value: datetime) -> str:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
