"""Plays the course platform, for demo and tests: believes signed hooks, by version.

It does what ``docs/integrate.md`` asks of a platform and nothing more: verify, ignore
versions it has passed and what it knows, remember, answer 2xx, also to types it does not
know. ``GET /state`` tells what it believes.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import structlog
from standardwebhooks import Webhook
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from models.outgoing import DeliveryKind
from worker.channels.sink_faults import Faults
from worker.channels.sink_server import append_line, own_file, serve
from worker.log import configure
from worker.settings import settings

log = structlog.get_logger()

#: What names the thing that a hook of each type is about.
NAMES: dict[str, Callable[[dict[str, Any]], tuple[str, ...]]] = {
    DeliveryKind.ENROLLMENT: lambda data: (data["learner_ref"], data["course_key"]),
    DeliveryKind.ORDER: lambda data: (data["provider"], data["transaction_id"]),
    DeliveryKind.PAYMENT: lambda data: (
        data["provider"],
        data["transaction_id"],
        data["attempt"]["id"],
    ),
}


class Beliefs:
    """What the platform believes: the newest version of each thing, on disk."""

    def __init__(self, file: Path) -> None:
        """Remember what the file holds; it is written by ``learn``."""
        self._file = own_file(file)
        self._known: dict[str, dict[tuple[str, ...], dict[str, Any]]] = {
            kind: {} for kind in NAMES
        }
        for line in file.read_text().splitlines():
            self._apply(json.loads(line))

    def learn(self, payload: dict[str, Any]) -> bool:
        """Take over news, on disk before it counts; False: it knows that or newer."""
        kind, data = payload["type"], payload["data"]
        known = self._known[kind].get(NAMES[kind](data))
        if known is not None and _version(known) >= _version(data):
            return False
        append_line(self._file, json.dumps(payload))
        self._apply(payload)
        return True

    def of(self, kind: DeliveryKind) -> list[dict[str, Any]]:
        """Return what it believes of one kind, in the order of its names."""
        return [data for _, data in sorted(self._known[kind].items())]

    def _apply(self, payload: dict[str, Any]) -> None:
        kind, data = payload["type"], payload["data"]
        self._known[kind][NAMES[kind](data)] = data


class PlatformSink:
    """The sink's answers."""

    def __init__(self, secret: str, beliefs: Beliefs, faults: Faults) -> None:
        """Believe what is signed with this secret."""
        self._verifier = Webhook(secret)
        self._beliefs = beliefs
        self._faults = faults
        #: How hooks were answered.
        self._counts: Counter[str] = Counter()

    async def hook(self, request: Request) -> Response:
        """Take a hook."""
        outcome, status = self._judge(await request.body(), dict(request.headers))
        self._counts[outcome] += 1
        log.info("hook_answered", outcome=outcome)
        return JSONResponse({"outcome": outcome}, status)

    async def state(self, _: Request) -> Response:
        """Tell what it believes."""
        return JSONResponse(
            {
                "enrollments": self._beliefs.of(DeliveryKind.ENROLLMENT),
                "orders": self._beliefs.of(DeliveryKind.ORDER),
                "failed_payments": self._beliefs.of(DeliveryKind.PAYMENT),
                "answers": dict(self._counts),
            }
        )

    def _judge(self, body: bytes, headers: dict[str, str]) -> tuple[str, int]:
        try:
            payload = self._verifier.verify(body, headers)
        except Exception:  # noqa: BLE001 (the package lets five kinds of error out)
            return "forged", 401
        if self._faults.strikes(headers["webhook-id"]):
            return "refused", 503
        if payload["type"] not in NAMES:
            return "not for me", 202
        news = self._beliefs.learn(payload)
        return ("believed", 200) if news else ("passed", 200)


def make_app(sink: PlatformSink, path: str) -> Starlette:
    """Return the web application."""
    return Starlette(
        routes=[
            Route(path or "/", sink.hook, methods=["POST"]),
            Route("/state", sink.state),
        ]
    )


def _version(data: dict[str, Any]) -> int:
    """Return the version; what happens once has one."""
    return int(data.get("version", 1))


def main(arguments: list[str] | None = None) -> int:
    """Run the sink where ``PLATFORM_HOOK_URL`` points to, until SIGTERM."""
    parser = argparse.ArgumentParser(prog="platform_sink", description=__doc__)
    parser.add_argument("--file", type=Path, help="what it believes, as JSON lines")
    Faults.add_arguments(parser, "--refuse-every")
    given = parser.parse_args(arguments)
    config = settings()
    configure(config, "platform")
    if config.platform_hook_url is None or config.platform_hook_secret is None:
        sys.stderr.write("PLATFORM_HOOK_URL is not set: nobody would be told.\n")
        return 1
    address = urlsplit(config.platform_hook_url)
    sink = PlatformSink(
        config.platform_hook_secret.get_secret_value(),
        Beliefs(given.file or config.state_dir / "platform.jsonl"),
        Faults(given.every, given.seed),
    )
    app = make_app(sink, address.path)
    serve(app, address.hostname or "127.0.0.1", address.port or 80)
    return 0


if __name__ == "__main__":
    sys.exit(main())
