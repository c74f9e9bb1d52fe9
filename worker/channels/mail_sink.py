"""A mail server that keeps what it gets as files: for one machine, demo and tests.

One ``.eml`` per mail, named by time and a digest of its Message-ID, so that a mail that
came twice is two files with the same end. On demand it refuses some first attempts,
always the same ones for the same addresses.
"""

import argparse
import asyncio
import os
import signal
import sys
import time
from email import message_from_bytes
from pathlib import Path
from urllib.parse import urlsplit

import structlog
from aiosmtpd.smtp import SMTP, Envelope, Session

from worker.channels.kept_mail import mark_of
from worker.channels.sink_faults import Faults
from worker.log import configure
from worker.settings import settings

log = structlog.get_logger()

ACCEPTED = "250 kept"
TRY_LATER = "451 4.7.1 try again later"
MOST_MAIL_BYTES = 2**20


class MailSink:
    """Keeps mails in a folder (an aiosmtpd handler)."""

    def __init__(self, folder: Path, faults: Faults) -> None:
        """Keep mails there."""
        folder.mkdir(parents=True, exist_ok=True)
        # Names and addresses are for nobody else on this machine.
        folder.chmod(0o700)
        self._folder = folder
        self._faults = faults

    async def handle_RCPT(  # noqa: N802 (aiosmtpd's name)
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        """Take a recipient, or ask to come back."""
        del server, session, options
        if self._faults.strikes(address):
            return TRY_LATER
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(  # noqa: N802 (aiosmtpd's name)
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Keep a mail, on disk before it is acknowledged."""
        del server, session
        content = envelope.content or b""
        raw = content if isinstance(content, bytes) else content.encode()
        path = keep(self._folder, _envelope_of(envelope) + raw)
        log.info("mail_kept", file=path.name)
        return ACCEPTED


def keep(folder: Path, mail: bytes) -> Path:
    """Write a mail into a folder so that it is there whole or not at all."""
    message_id = str(message_from_bytes(mail).get("Message-ID", ""))
    path = folder / f"{time.time_ns():020}-{mark_of(message_id)}.eml"
    hidden = path.with_suffix(".part")
    with hidden.open("wb") as file:
        file.write(mail)
        file.flush()
        os.fsync(file.fileno())
    hidden.rename(path)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return path


def _envelope_of(envelope: Envelope) -> bytes:
    # RFC 5321, 4.4: whoever delivers for good writes down the return path.
    lines = [f"Return-Path: <{envelope.mail_from}>"]
    lines += [f"Delivered-To: {address}" for address in envelope.rcpt_tos]
    return "".join(f"{line}\r\n" for line in lines).encode()


async def serve(sink: MailSink, host: str, port: int) -> None:
    """Take mails until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    server = await loop.create_server(
        lambda: SMTP(
            sink,
            enable_SMTPUTF8=True,
            ident="paddlewheel",
            data_size_limit=MOST_MAIL_BYTES,
        ),
        host,
        port,
    )
    log.info("mail_sink_started", host=host, port=server.sockets[0].getsockname()[1])
    async with server:
        await stop.wait()
    log.info("mail_sink_stopped")


def main(arguments: list[str] | None = None) -> int:
    """Run the sink; what is not given comes from the settings."""
    parser = argparse.ArgumentParser(prog="mail_sink", description=__doc__)
    parser.add_argument("--host")
    parser.add_argument("--port", type=int)
    parser.add_argument("--folder", type=Path)
    Faults.add_arguments(parser, "--temporary-every")
    given = parser.parse_args(arguments)
    if not (given.host and given.port and given.folder):
        config = settings()
        configure(config, "mail")
        address = urlsplit(config.smtp_url)
        given.host = given.host or address.hostname
        given.port = given.port or address.port
        given.folder = given.folder or config.state_dir / "mail"
    sink = MailSink(given.folder, Faults(given.every, given.seed))
    try:
        asyncio.run(serve(sink, given.host, given.port))
    except OSError as error:
        sys.stderr.write(f"No mail sink on port {given.port}: {error.strerror}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
