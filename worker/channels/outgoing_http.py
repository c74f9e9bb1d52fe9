"""Requests to addresses that a setting names: guarded, bounded, without surprises.

The name is resolved here, every address it has is judged (``worker.channels.reach``),
and the connection goes to one of exactly these: a second look-up could be answered
otherwise (DNS rebinding). The certificate is checked against the name. httpcore, unlike httpx,
follows no redirect and knows no proxy; an answer is read only so far.
"""

import ssl
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import httpcore
import httpx

from worker.channels.deadline import Deadline, look_up
from worker.channels.errors import UnreachableError
from worker.channels.reach import Reach
from worker.channels.sending import sent_within
from worker.errors import OutageError
from worker.setting_checks import web_problem_of

#: What is longer is no answer of those we ask.
MOST_ANSWER_BYTES = 16_384
#: One silent step ends the attempt before the deadline of all steps does.
STEP_SECONDS = 5.0
#: A connection that rests longer may be closed by the other side at any moment.
KEPT_SECONDS = 5.0
WHATEVER_HTTP = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
)


class ForbiddenAddressError(UnreachableError, OutageError):
    """A setting names an address to which nothing may go; the message says why.

    A person has to change it. No row dies of it.
    """


@dataclass(frozen=True, slots=True)
class Request:
    """One request. Its headers may hold secrets."""

    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    #: HEAD asks whether somebody answers, and tells nothing.
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; the body may be cut."""

    status: int
    retry_after: str | None
    body: bytes


class OutgoingHttp:
    """Connections that are kept during one run of a task."""

    def __init__(self, reach: Reach) -> None:
        """Prepare; nothing is opened yet."""
        self._network = Network(reach)
        self._pool = httpcore.ConnectionPool(
            ssl_context=_tls(),
            max_connections=1,
            keepalive_expiry=KEPT_SECONDS,
            network_backend=self._network,
        )

    def close(self) -> None:
        """Hang up."""
        self._pool.close()

    def send(
        self,
        request: Request,
        deadline: Deadline,
        begin: Callable[[], None] = lambda: None,
    ) -> Answer:
        """Send a request, once.

        Args:
            request: What, and where to.
            deadline: When everything must be over.
            begin: Called when the connection stands, before the first byte goes out;
                what it raises leaves, with nothing sent.

        Raises:
            ForbiddenAddressError: No request may go there; nothing was sent.
            UnreachableError: No connection; nothing was sent.
            TimeoutError: Sent, perhaps, and no answer in time.
            ConnectionError: Sent, perhaps, and the connection was cut or is no HTTP.
        """
        is_out = False

        def leave() -> None:
            nonlocal is_out
            begin()
            is_out = True

        self._network.deadline = deadline
        try:
            return self._send(request, sent_within(deadline, leave))
        except (*WHATEVER_HTTP, OSError) as error:
            said = f"no answer: {type(error).__name__}"
            if not is_out:
                raise UnreachableError(said) from None
            late = isinstance(error, (httpcore.TimeoutException, TimeoutError))
            raise (TimeoutError if late else ConnectionError)(said) from None

    def _send(self, request: Request, extensions: dict[str, Any]) -> Answer:
        url = _taken_apart(request.url)
        self._network.scheme = url.scheme
        address = httpcore.URL(
            scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
        )
        with self._pool.stream(
            request.method,
            address,
            headers=[
                ("host", url.netloc.decode()),
                ("user-agent", "paddlewheel"),
                *request.headers.items(),
            ],
            content=request.body,
            extensions=extensions,
        ) as response:
            headers = httpx.Headers(response.headers)
            body = _body_of(response)
            return Answer(response.status, headers.get("retry-after"), body)


class Network(httpcore.NetworkBackend):
    """Connects to judged addresses only, all within one deadline, which may be moved."""

    def __init__(self, reach: Reach) -> None:
        """Prepare; nothing is opened yet."""
        self._reach = reach
        self._plain = httpcore.SyncBackend()
        self.scheme = "https"
        self.deadline = Deadline(STEP_SECONDS)

    def step(self) -> float:
        """Return how long one step may be silent."""
        return min(STEP_SECONDS, self.deadline.left())

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Resolve, judge, connect; see ``httpcore.NetworkBackend``.

        Raises:
            ForbiddenAddressError: One of its addresses is none for us.
        """
        del timeout
        addresses = [found[4][0] for found in look_up(host, port, self.deadline)]
        for address in addresses:
            if problem := self._reach.problem_of(address, self.scheme):
                raise ForbiddenAddressError(f"the address leads to {problem}")
        failure: Exception = OSError("the name has no address")
        for number, address in enumerate(addresses):
            share = self.deadline.left() / (len(addresses) - number)
            try:
                stream = self._plain.connect_tcp(
                    address, port, share, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return Stream(stream, self)
        raise failure


class Stream(httpcore.NetworkStream):
    """A connection whose every step ends with the deadline of its network."""

    def __init__(self, plain: httpcore.NetworkStream, network: Network) -> None:
        """Bound a connection."""
        self._plain = plain
        self._network = network

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Receive what is there."""
        del timeout
        return self._plain.read(max_bytes, self._network.step())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all; what we send fits into the system's buffer, so it is one step."""
        del timeout
        self._plain.write(buffer, self._network.step())

    def close(self) -> None:
        """Hang up."""
        self._plain.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        """Secure it; Python takes the time-out as that of the whole handshake."""
        del timeout
        secure = self._plain.start_tls(
            ssl_context, server_hostname, self._network.step()
        )
        return Stream(secure, self._network)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 (as httpcore has it)
        """Say something about the connection."""
        return self._plain.get_extra_info(info)


def _taken_apart(address: str) -> httpx.URL:
    if problem := web_problem_of(address):
        raise ForbiddenAddressError(f"the address {problem}")
    try:
        return httpx.URL(address)
    except httpx.InvalidURL:
        raise ForbiddenAddressError("the address is none") from None


def _body_of(response: httpcore.Response) -> bytes:
    """Read what is there; the status was there before, so a cut is no failure."""
    body = b""
    with suppress(*WHATEVER_HTTP, OSError):
        for chunk in response.iter_stream():
            body += chunk
            if len(body) > MOST_ANSWER_BYTES:
                break
    return body[:MOST_ANSWER_BYTES]


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()
