"""Asks an account of Paddle's, or the local one, and keeps every answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self

import httpx
from pydantic import SecretStr

TIMEOUT_SECONDS = 30.0
UNREADABLE = "no JSON"
View = Callable[[Any], Any]


@dataclass(frozen=True)
class Answer:
    """What came back for one step."""

    step: str
    status: int
    media_type: str
    #: As JSON has it; None where nothing came. A destination's has its secret.
    body: Any = field(repr=False)

    @property
    def is_success(self) -> bool:
        """Whether it did what it was asked for."""
        return self.status < HTTPStatus.BAD_REQUEST


class CannotGoOnError(Exception):
    """What the next steps need was not made."""


class Account:
    """One side of the comparison; the key leaves it in one header only."""

    def __init__(
        self,
        address: str,
        key: SecretStr,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Prepare to ask at an address, with scheme and without path."""
        self._key = key
        self._http = httpx.Client(
            base_url=address,
            headers={"Paddle-Version": "1", "User-Agent": "paddlewheel"},
            timeout=TIMEOUT_SECONDS,
            trust_env=False,
            transport=transport,
        )
        self.answers: list[Answer] = []
        #: What was made and could not be removed, as ``DELETE /path``.
        self.left: list[str] = []

    def __enter__(self) -> Self:
        """Use it for a while."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Hang up."""
        self._http.close()

    def ask(  # noqa: PLR0913 (a request has that many parts)
        self,
        step: str,
        method: str,
        path: str,
        content: object = None,
        *,
        authorization: str | None = None,
        view: View = lambda body: body,
    ) -> Answer:
        """Send one request and keep the answer.

        Args:
            step: What the request is for, once in a play.
            method: Of HTTP.
            path: With its query.
            content: A JSON body; bytes go as they are.
            authorization: A header in place of the right one; empty for none.
            view: What of a good answer is looked at.
        """
        headers = self._headers(authorization)
        if content is None:
            response = self._http.request(method, path, headers=headers)
        elif isinstance(content, bytes):
            headers["Content-Type"] = "application/json"
            response = self._http.request(
                method, path, content=content, headers=headers
            )
        else:
            response = self._http.request(method, path, json=content, headers=headers)
        answer = self._answer_of(step, response, view)
        self.answers.append(answer)
        return answer

    def make(self, step: str, path: str, content: Mapping[str, Any]) -> dict[str, Any]:
        """Create an entity and return it.

        Raises:
            CannotGoOnError: It was refused; the answer is kept.
        """
        answer = self.ask(step, "POST", path, content)
        if not answer.is_success:
            raise CannotGoOnError(step)
        made: dict[str, Any] = answer.body["data"]
        return made

    def remove(
        self, step: str, method: str, path: str, content: object = None
    ) -> Answer:
        """Archive or delete something; what stays is noted in ``left``."""
        self.left.append(f"{method} {path}")
        answer = self.ask(step, method, path, content)
        if answer.is_success:
            self.left.pop()
        return answer

    def _headers(self, authorization: str | None) -> dict[str, str]:
        if authorization is None:
            authorization = f"Bearer {self._key.get_secret_value()}"
        return {"Authorization": authorization} if authorization else {}

    def _answer_of(self, step: str, response: httpx.Response, view: View) -> Answer:
        # Nobody answers with what was sent; but a key in a log is for ever.
        key = self._key.get_secret_value().encode()
        content = response.content.replace(key, b"...")
        media_type = response.headers.get("Content-Type", "").partition(";")[0]
        body: Any = None
        if content:
            try:
                body = httpx.Response(200, content=content).json()
            except ValueError:
                body = UNREADABLE
        if response.is_success and body is not None:
            body = view(body)
        return Answer(step, response.status_code, media_type, body)
