"""What every API request passes first: key, version, rate.

Missing, malformed and wrong keys are all 403 with Paddle, never 401
(https://developer.paddle.com/api-reference/about/authentication). 240 requests a
minute and address (https://developer.paddle.com/api-reference/about/rate-limiting).
"""

import hmac
import math
import time
from dataclasses import dataclass, field
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from local_paddle.answer import ApiError, bad_request, failure
from local_paddle.dashboard import Dashboard

REQUESTS_PER_MINUTE = 240
WINDOW_SECONDS = 60.0
API_VERSION = "1"
SCHEME = "Bearer"
#: Ours, not Paddle's: wants the key too, but is not counted.
CONTROL_PREFIX = "/local/"


@dataclass
class Limit:
    """Counts requests per address in windows of a minute."""

    per_minute: int = REQUESTS_PER_MINUTE
    _windows: dict[str, tuple[float, int]] = field(default_factory=dict)

    def take(self, address: str) -> float | None:
        """Count a request; return the seconds to wait if it was one too many."""
        now = time.monotonic()
        begun, count = self._windows.get(address, (now, 0))
        if now - begun >= WINDOW_SECONDS:
            begun, count = now, 0
        if count >= self.per_minute:
            return WINDOW_SECONDS - (now - begun)
        self._windows[address] = (begun, count + 1)
        return None

    def allow(self, per_minute: int) -> None:
        """Change the limit and forget what was counted."""
        self.per_minute = per_minute
        self._windows.clear()


class Guard:
    """ASGI middleware that turns requests away as Paddle does."""

    def __init__(
        self, app: ASGIApp, api_key: str, limit: Limit, dashboard: Dashboard
    ) -> None:
        """Let requests with this key through to the app, if it may make them."""
        self._app = app
        self._dashboard = dashboard
        self._api_key = api_key
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Judge one request."""
        if scope["type"] == "http" and (error := self._refusal(scope)):
            await failure(error)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> ApiError | None:
        headers = Headers(scope=scope)
        if not scope["path"].startswith(CONTROL_PREFIX):
            client = scope.get("client") or ("", 0)
            wait = self._limit.take(client[0])
            if wait is not None:
                return _too_many(wait)
        return (
            self._key_refusal(headers)
            or _version_refusal(headers)
            or self._dashboard.refusal(scope["method"], scope["path"])
        )

    def _key_refusal(self, headers: Headers) -> ApiError | None:
        given = headers.get("authorization")
        if not given:
            return _forbidden("authentication_missing", "Authentication header missing")
        scheme, _, key = given.partition(" ")
        if scheme != SCHEME or not key or " " in key:
            return _forbidden(
                "authentication_malformed", "Authentication header malformed"
            )
        if not hmac.compare_digest(key.encode(), self._api_key.encode()):
            return _forbidden("invalid_token", "Invalid API key")
        return None


def _version_refusal(headers: Headers) -> ApiError | None:
    version = headers.get("paddle-version", API_VERSION)
    if version == API_VERSION:
        return None
    return bad_request(f"Paddle-Version {version} is not supported")


def _forbidden(code: str, detail: str) -> ApiError:
    return ApiError(HTTPStatus.FORBIDDEN, code, detail)


def _too_many(wait_seconds: float) -> ApiError:
    return ApiError(
        HTTPStatus.TOO_MANY_REQUESTS,
        "too_many_requests",
        "Too many requests: wait for the time in Retry-After",
        headers={"Retry-After": str(math.ceil(wait_seconds))},
    )
