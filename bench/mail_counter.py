"""A mail server that takes every mail and keeps its Message-ID: both are measured by it.

A real one (aiosmtpd), with nothing written to disk: what is measured is who sends.
"""

import asyncio
import json
import re
import signal
import sys

from aiosmtpd.smtp import SMTP, Envelope, Session

MESSAGE_ID = re.compile(rb"^Message-ID: *(\S+)", re.MULTILINE | re.IGNORECASE)


class Counter:
    """Keeps Message-IDs (an aiosmtpd handler)."""

    def __init__(self) -> None:
        """Begin with none."""
        self.message_ids: list[bytes] = []

    async def handle_DATA(  # noqa: N802 (aiosmtpd's name)
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Take a mail."""
        del server, session
        assert isinstance(envelope.content, bytes)
        found = MESSAGE_ID.search(envelope.content)
        assert found is not None
        self.message_ids.append(found.group(1))
        return "250 taken"


async def serve(port: int) -> None:
    """Take mails until SIGTERM, then tell how many, and how many of them differ."""
    counter, stop = Counter(), asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    server = await loop.create_server(
        lambda: SMTP(counter, enable_SMTPUTF8=True), "127.0.0.1", port
    )
    print("port", server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await stop.wait()
    told = counter.message_ids
    print(json.dumps({"mails": len(told), "distinct": len(set(told))}), flush=True)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]) if sys.argv[1:] else 0))
