"""One request to Paddle: bounded in time and size, tried once, errors sorted.

Redirects are not followed: the key would go to whoever is named there.
"""

import json
import ssl
from collections.abc import Mapping
from functools import cache

import httpx

from worker.channels.deadline import Deadline, within
from worker.channels.sending import SOCKET_OPTIONS, sent_within
from worker.providers.errors import ApiDownError, ApiRefusedError
from worker.providers.paddle.account import Account
from worker.providers.paddle.answers import error_of

CONNECT_SECONDS = 3.0
#: Of silence, at most.
READ_SECONDS = 5.0
#: The longest page has some hundred kilobytes; no answer of Paddle's has more.
MOST_ANSWER_BYTES = 32 * 1024 * 1024


class Asker:
    """Asks, with connections that are kept until ``close``."""

    def __init__(
        self,
        account: Account,
        call_seconds: float,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Prepare; nothing is opened yet.

        Args:
            account: Whom to ask.
            call_seconds: What one call takes at most, all in all, unless the gate says
                otherwise.
            transport: Where requests go, unless to the network.
        """
        self._account = account
        self._call_seconds = call_seconds
        step = min(READ_SECONDS, call_seconds)
        connect = min(CONNECT_SECONDS, call_seconds)
        self._client = httpx.Client(
            base_url=account.address,
            timeout=httpx.Timeout(step, connect=connect),
            follow_redirects=False,
            # A proxy of the shell's environment is not where customers' data goes.
            trust_env=False,
            transport=transport or _network(account.address),
            headers={
                b"authorization": f"Bearer {account.key}".encode(),
                b"paddle-version": b"1",
                b"user-agent": b"paddlewheel",
            },
        )

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def get(self, path: str, parameters: Mapping[str, str]) -> bytes:
        """Ask once, where the gate lets us.

        Raises:
            NoTurnError: It does not.
            ApiRefusedError, ApiBusyError, ApiDownError, ApiLockedError, ApiError: No
                answer, or none of success.
        """
        return self._in_turn(
            self._client.build_request("GET", path, params=dict(parameters))
        )

    def send(self, method: str, path: str, given: Mapping[str, object]) -> bytes:
        """Post or change something, once, where the gate lets us; raises as ``get``.

        There are no idempotency keys: after an ``ApiDownError`` or ``ApiBusyError`` it
        may have been done all the same, unless it is a ``NoTurnError``.
        """
        headers = {"content-type": "application/json"}
        content = json.dumps(given).encode()
        return self._in_turn(
            self._client.build_request(method, path, content=content, headers=headers)
        )

    def _in_turn(self, request: httpx.Request) -> bytes:
        gate = self._account.gate
        deadline = gate.enter() or Deadline(self._call_seconds)
        try:
            content = self._ask(request, deadline)
        except Exception as error:
            gate.leave(error)
            raise
        gate.leave(None)
        return content

    def _ask(self, request: httpx.Request, deadline: Deadline) -> bytes:
        try:
            response, content = within(deadline, lambda: self._fetch(request, deadline))
        except httpx.LocalProtocolError:
            # Its own text quotes what could not be sent.
            raise ApiRefusedError("PADDLE_API_KEY cannot be sent as it is") from None
        except (httpx.HTTPError, OSError) as error:
            # Its own text names the address, and may quote what was sent.
            raise ApiDownError(f"no answer: {type(error).__name__}") from None
        is_read = request.method == "GET"
        is_well = response.status_code == httpx.codes.OK or not is_read
        if not (response.is_success and is_well):
            # Nobody answers with what was sent; but a key in a log is for ever.
            content = content.replace(self._account.key.encode(), b"...")
            raise error_of(request.url.path, response, content, request.method)
        return content

    def _fetch(
        self, request: httpx.Request, deadline: Deadline
    ) -> tuple[httpx.Response, bytes]:
        request.extensions |= sent_within(deadline)
        response = self._client.send(request, stream=True)
        content = bytearray()
        try:
            for chunk in response.iter_bytes():
                content += chunk
                deadline.left()
                if len(content) > MOST_ANSWER_BYTES:
                    message = "the answer does not end"
                    raise OSError(message)
        finally:
            response.close()
        return response, bytes(content)


def _network(address: str) -> httpx.HTTPTransport:
    return httpx.HTTPTransport(
        verify=tls_of(address),
        trust_env=False,
        socket_options=SOCKET_OPTIONS,
    )


def tls_of(address: str) -> ssl.SSLContext | bool:
    """Return what an address is believed by; reading all certificates takes a while."""
    return _tls() if address.startswith("https") else False


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()
