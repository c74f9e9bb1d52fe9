"""Reads what Paddle's API answers: the envelope of success, and what errors mean.

https://developer.paddle.com/api-reference/about/success-responses and /errors.
"""

import re
from collections.abc import Collection
from typing import TypeVar
from urllib.parse import parse_qs, urlsplit

import httpx
import msgspec

from worker.providers.api import Destination
from worker.providers.errors import (
    ApiBusyError,
    ApiDownError,
    ApiError,
    ApiLockedError,
    ApiRefusedError,
)
from worker.providers.paddle.error_codes import (
    FORBIDDEN,
    USUAL_PAUSE,
    Remedy,
    sorted_by,
)
from worker.providers.paddle.permissions import permission_of
from worker.retry_after import pause_of

T = TypeVar("T")

#: Paddle counts no further.
MOST_ESTIMATED = 100_001
#: Paddle's own words; anything else could hold data.
_CODE = re.compile(r"[a-z0-9_]{1,64}")
NO_CODE = "no code"
_PERMISSION = re.compile(r"\b[a-z]+(?:_[a-z]+)*\.(?:read|write)\b")
#: A person has to act, but not on the key.
_OF_THE_ACCOUNT = {
    "transaction_checkout_url_domain_is_not_approved",
    "transaction_default_checkout_url_not_set",
    "transaction_checkout_not_enabled",
}
_NO_JSON = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)


class One(msgspec.Struct):
    """One entity."""

    data: msgspec.Raw


class Identity(msgspec.Struct):
    """What every entity has."""

    id: str


class Link(msgspec.Struct):
    """An address; empty: there is none."""

    url: str | None = None


class Payable(msgspec.Struct):
    """Of a transaction, where it can be paid."""

    checkout: Link | None = None


class EventIdentity(Identity, rename={"id": "event_id"}):
    """The id of an event."""

    # Only what a class has itself is renamed.
    id: str


class _Subscribed(msgspec.Struct):
    name: str


class NotificationSetting(msgspec.Struct):
    """A notification destination."""

    id: str
    active: bool
    subscribed_events: list[_Subscribed]
    endpoint_secret_key: str = ""


class Pagination(msgspec.Struct):
    """How a list goes on."""

    has_more: bool
    #: Roughly; -1 where it was not counted, and never more than ``MOST_ESTIMATED``.
    estimated_total: int = -1
    #: Always there, also behind the last page.
    next: str | None = None

    @property
    def cursor(self) -> str | None:
        """Where the next page begins; None: that is not told.

        Nothing else of the address is taken over: another host would get the key.
        """
        try:
            query = urlsplit(self.next or "").query
        except ValueError:
            return None
        return next(iter(parse_qs(query).get("after", [])), None)

    @property
    def total(self) -> int | None:
        """How many there are, roughly; None: that is not told."""
        known = 0 <= self.estimated_total < MOST_ESTIMATED
        return self.estimated_total if known else None


class Meta(msgspec.Struct):
    """What belongs to a list."""

    pagination: Pagination


class Page(msgspec.Struct):
    """Some entities of a list."""

    data: list[msgspec.Raw]
    meta: Meta


class _Problem(msgspec.Struct):
    code: str = ""
    detail: str = ""


class _Refusal(msgspec.Struct):
    error: _Problem


def destination_of(
    setting: NotificationSetting, secrets: Collection[str]
) -> Destination:
    """Return what a notification setting says."""
    return Destination(
        id=setting.id,
        is_active=setting.active,
        is_ours=setting.endpoint_secret_key in secrets,
        subscribed=frozenset(one.name for one in setting.subscribed_events),
    )


def read(content: bytes, kind: type[T]) -> T:
    """Read an answer.

    Raises:
        ApiDownError: It is something else.
    """
    try:
        return msgspec.json.decode(content, type=kind)
    except _NO_JSON:
        raise ApiDownError("answered with something else than Paddle's JSON") from None


def error_of(
    path: str, response: httpx.Response, content: bytes, method: str = "GET"
) -> Exception:
    """Return what an answer that is no success means; see ``error_codes``."""
    status = response.status_code
    problem = _problem_in(content)
    code = problem.code if _CODE.fullmatch(problem.code) else NO_CODE
    words = f"answered {status} ({code})"
    meaning = sorted_by(status, code)
    asked = response.headers.get("retry-after")
    if status == httpx.codes.SERVICE_UNAVAILABLE and asked:
        return ApiBusyError(words, pause_of(asked) or USUAL_PAUSE).by(status, code)
    match meaning.remedy:
        case Remedy.LATER_FOR_ALL:
            pause = pause_of(asked) or meaning.pause
            return ApiBusyError(words, pause).by(status, code)
        case Remedy.LATER_WHEN_UP:
            return ApiDownError(words).by(status, code)
        case Remedy.LATER_FOR_THIS:
            pause = pause_of(asked) or meaning.pause
            return ApiLockedError(words, pause).by(status, code)
        case Remedy.PERSON:
            lacking = _lacking(method, path, problem) if code == FORBIDDEN else ""
            return _refused(status, code, lacking)
        case Remedy.NEVER:
            return ApiError(status, code, problem.detail)


def _problem_in(content: bytes) -> _Problem:
    try:
        return msgspec.json.decode(content, type=_Refusal).error
    except _NO_JSON:
        return _Problem()


def _lacking(method: str, path: str, problem: _Problem) -> str:
    told = ", ".join(sorted(set(_PERMISSION.findall(problem.detail))))
    return told or permission_of(method, path)


def _refused(status: int, code: str, lacking: str) -> Exception:
    if code == NO_CODE:
        # Paddle names a code. Somebody on the way knows nothing of our key.
        return ApiDownError(f"answered {status} ({code})")
    if lacking:
        words = f"PADDLE_API_KEY lacks the permission {lacking}"
    elif code in _OF_THE_ACCOUNT:
        words = "something has to be set in Paddle's dashboard first"
    else:
        words = "PADDLE_API_KEY is not believed"
    return ApiRefusedError(f"{words} ({code})", lacking).by(status, code)
