"""A stand-in for the provider's lists: whole pages over HTTP, as fast as they are asked.

The local Paddle keeps its entities in a store and its limit of requests; here only the
one who asks is to be measured.

    python -m bench.provider PORT SHELF
"""

import json
import sys
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from bench.shelf import PREFIXES, Shelf
from worker.processes.ports import LOOPBACK

#: Tells how often each list was asked for.
COUNTS = "/counts"


class Handler(BaseHTTPRequestHandler):
    """Answers for one connection."""

    protocol_version = "HTTP/1.1"
    # Head and body leave apart; without it the second waits for the first one's ack.
    disable_nagle_algorithm = True
    server: "Provider"

    def do_GET(self) -> None:
        """Answer a page."""
        address = urlsplit(self.path)
        if address.path == COUNTS:
            content = json.dumps(self.server.counts)
        else:
            content = self.server.page(address.path.strip("/"), address.query)
        encoded = content.encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Provider(ThreadingHTTPServer):
    """Has a shelf."""

    daemon_threads = True

    def __init__(self, port: int, shelf: Shelf) -> None:
        """Listen."""
        super().__init__((LOOPBACK, port), Handler)
        self.counts: Counter[str] = Counter()
        self._shelf = shelf

    def page(self, of: str, query: str) -> str:
        """Return a page as Paddle writes it."""
        self.counts[of] += 1
        asked = {name: values[0] for name, values in parse_qs(query).items()}
        after, most = asked.get("after", ""), int(asked["per_page"])
        assert asked["order_by"] == "id[ASC]", asked
        entities, has_more = self._shelf.page(of, after, most)
        last = json.loads(entities[-1])["id"] if entities else after
        pagination = {
            "per_page": most,
            "next": f"http://{LOOPBACK}:{self.server_port}/{of}?after={last}",
            "has_more": has_more,
            "estimated_total": self._shelf.counts[of],
        }
        meta = {"request_id": PREFIXES[of], "pagination": pagination}
        return f'{{"data":[{",".join(entities)}],"meta":{json.dumps(meta)}}}'


def main() -> None:
    """Serve until ended."""
    port, file = sys.argv[1:]
    Provider(int(port), Shelf.load(Path(file))).serve_forever()


if __name__ == "__main__":
    main()
