"""Plays the operators' channel, for demo and tests: keeps what is told to it.

For ``ALERT_URLS=json://127.0.0.1:PORT/alerts``: takes what apprise posts there, answers
2xx, and tells it again under ``GET /messages``. On demand it refuses: the first
requests, whatever they say (a service that is down for a while), or some first
attempts (always the same ones).
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from worker.channels.sink_faults import Faults
from worker.channels.sink_server import append_line, own_file, serve

#: What of a post is kept, as apprise's ``json://`` names it.
KEPT = ("title", "message", "type")


class AlertSink:
    """The sink's answers."""

    def __init__(
        self, faults: Faults, refuse_first: int = 0, file: Path | None = None
    ) -> None:
        """Keep messages; in a file too, if one is named, and what it holds."""
        self._faults = faults
        self._refusals_left = refuse_first
        self._file = file and own_file(file)
        self._messages: list[dict[str, Any]] = []
        self._refused = 0
        if self._file is not None:
            lines = self._file.read_text().splitlines()
            self._messages = [json.loads(line) for line in lines]

    async def alerts(self, request: Request) -> Response:
        """Take a message, or refuse it."""
        try:
            posted = json.loads(await request.body())
            message = {key: str(posted[key]) for key in KEPT}
        except (ValueError, KeyError, TypeError):
            return JSONResponse({"error": "not what apprise posts"}, 400)
        if self._refuses(f"{message['title']} {message['message']}"):
            self._refused += 1
            return JSONResponse({"error": "told to refuse"}, 503)
        if self._file is not None:
            append_line(self._file, json.dumps(message))
        self._messages.append(message)
        return Response(status_code=204)

    async def messages(self, _: Request) -> Response:
        """Tell what was told, in order."""
        return JSONResponse({"messages": self._messages, "refused": self._refused})

    def _refuses(self, thing: str) -> bool:
        if self._refusals_left > 0:
            self._refusals_left -= 1
            return True
        return self._faults.strikes(thing)


def make_app(sink: AlertSink) -> Starlette:
    """Return the web application; posts may go to any path."""
    return Starlette(
        routes=[
            Route("/messages", sink.messages, methods=["GET"]),
            Route("/{anywhere:path}", sink.alerts, methods=["POST"]),
        ]
    )


def main(arguments: list[str] | None = None) -> int:
    """Run the sink until SIGTERM; it needs no settings."""
    parser = argparse.ArgumentParser(prog="alert_sink", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--file", type=Path, help="what it was told, as JSON lines")
    parser.add_argument(
        "--refuse-first",
        type=int,
        default=0,
        metavar="N",
        help="refuse the first N requests, whatever they say",
    )
    Faults.add_arguments(parser, "--refuse-every")
    given = parser.parse_args(arguments)
    faults = Faults(given.every, given.seed)
    sink = AlertSink(faults, given.refuse_first, given.file)
    serve(make_app(sink), given.host, given.port)
    return 0


if __name__ == "__main__":
    sys.exit(main())
