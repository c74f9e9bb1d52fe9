"""Mail over TLS and with a password, against a server whose certificate counts."""

import asyncio
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from worker.channels.deadline import Deadline
from worker.channels.errors import RefusesUsError
from worker.channels.letter import Letter, Words, write_letter
from worker.channels.mail import Mail
from worker.channels.smtp import Route

LETTER = write_letter(
    "courses@example.com", (None, "a@b.example"), "<1@c.d>", Words("s", "t", "h")
)


def deliver(letter: Letter, route: Route) -> str:
    """Send a letter over a connection of its own."""
    with Mail(route, letter.sender) as mail:
        return mail.send(letter, Deadline(5), lambda: None).state


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for ``localhost``, with its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not there to make a certificate")
    file = tmp_path_factory.mktemp("tls") / "localhost.pem"
    subprocess.run(
        [
            *(openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
            *("-keyout", file.with_suffix(".key"), "-out", file),
        ],
        check=True,
        capture_output=True,
    )
    return file


class Recipient:
    """Takes every mail, from whoever knows the password."""

    def __init__(self) -> None:
        self.mails: list[Envelope] = []

    async def handle_DATA(  # noqa: N802 (aiosmtpd's name)
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        assert session.authenticated
        self.mails.append(envelope)
        return "250 kept"


def authenticate(*arguments: object) -> AuthResult:
    given = arguments[-1]
    known = LoginPassword(b"shop@example.com", b"p/w")
    return AuthResult(success=given == known, handled=False)


@pytest.fixture(params=["smtps", "smtp+starttls"])
def secured(
    request: pytest.FixtureRequest, certificate: Path
) -> Iterator[tuple[str, int, Recipient]]:
    """Scheme, port and recipient of a server that demands TLS and a password."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    implicit = request.param == "smtps"
    recipient = Recipient()
    loop = asyncio.new_event_loop()

    def session() -> SMTP:
        return SMTP(
            recipient,
            loop=loop,
            tls_context=None if implicit else context,
            require_starttls=not implicit,
            authenticator=authenticate,
            auth_require_tls=not implicit,
        )

    tls = context if implicit else None
    server = loop.run_until_complete(
        loop.create_server(session, "127.0.0.1", 0, ssl=tls)
    )
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield request.param, server.sockets[0].getsockname()[1], recipient
    asyncio.run_coroutine_threadsafe(asyncio.sleep(0.1), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    server.close()
    loop.run_until_complete(asyncio.sleep(0.05))
    loop.close()


def test_a_trusted_server_gets_the_mail(
    secured: tuple[str, int, Recipient],
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scheme, port, recipient = secured
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    route = Route.of(f"{scheme}://shop%40example.com:p%2Fw@localhost:{port}")
    assert deliver(LETTER, route) == "sent"
    assert len(recipient.mails) == 1


def test_a_wrong_password_is_tried_again_and_not_shown(
    secured: tuple[str, int, Recipient],
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scheme, port, recipient = secured
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    route = Route.of(f"{scheme}://shop%40example.com:wrong@localhost:{port}")
    with pytest.raises(RefusesUsError, match="AUTH: 535") as refused:
        deliver(LETTER, route)
    assert "wrong" not in str(refused.value)
    assert recipient.mails == []


def test_a_password_that_cannot_be_sent_is_about_us(
    secured: tuple[str, int, Recipient],
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scheme, port, _ = secured
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    route = Route.of(f"{scheme}://shop%40example.com:p%C3%A4ss@localhost:{port}")
    with pytest.raises(RefusesUsError, match="AUTH: UnicodeEncodeError"):
        deliver(LETTER, route)


def test_an_untrusted_server_gets_neither_mail_nor_password(
    secured: tuple[str, int, Recipient],
) -> None:
    scheme, port, recipient = secured
    route = Route.of(f"{scheme}://shop%40example.com:p%2Fw@localhost:{port}")
    with pytest.raises(RefusesUsError, match="SSLCertVerificationError"):
        deliver(LETTER, route)
    assert recipient.mails == []
