"""A provider's lists in memory, told over HTTP as Paddle does, or crookedly."""

import json
import socket
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.fixtures.answering import reply
from tests.reconciling_objects import Shelf
from worker.providers.api import ApiList, Asked, ListPage

Page = dict[str, Any]


#: Answers in its own way; gets the page that would be right.
Crooked = Callable[[BaseHTTPRequestHandler, Page], None]


class Door:
    """Answers requests for pages; see ``tests.fixtures.answering.Answering``."""

    def __init__(self, shelf: Shelf, path: str, begin: str = "") -> None:
        """Tell what it holds; of one list all that is not behind ``begin`` crookedly."""
        self._shelf = shelf
        self._crooked_path, self._begin = f"/{path}", begin
        #: None: for the time being it is told as it is.
        self.crooked: Crooked | None = None
        #: How often each list was asked for, and how often the answer was crooked.
        self.asked: Counter[str] = Counter()
        self.met = 0

    def __call__(self, request: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        path = urlsplit(request.path).path
        self.asked[path] += 1
        if path == "/notification-settings":
            reply(request, 200, _envelope(ListPage((), "", 0), path))
            return
        asked = _asked(request.path)
        page = _envelope(self._shelf.page(asked), path)
        is_right = path != self._crooked_path or asked.after == self._begin
        if self.crooked is None or is_right:
            reply(request, 200, page)
        else:
            self.met += 1
            self.crooked(request, page)


def _asked(url: str) -> Asked:
    parts = urlsplit(url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    since = query.get("updated_at[GTE]")
    return Asked(
        ApiList(parts.path[1:]),
        query.get("after", ""),
        newest_first=query["order_by"] == "id[DESC]",
        changed_since=datetime.fromisoformat(since) if since else None,
        most=1 if query["per_page"] == "1" else 0,
    )


def _envelope(page: ListPage, path: str) -> Page:
    pagination = {
        "per_page": len(page.entities),
        "next": f"http://127.0.0.1{path}?after={page.following}",
        "has_more": bool(page.following),
        "estimated_total": -1 if page.total is None else page.total,
    }
    data = [json.loads(entity) for entity in page.entities]
    return {"data": data, "meta": {"request_id": "r", "pagination": pagination}}


def told(page: Page, **changes: Any) -> Page:
    """Return a page with another pagination."""
    changed = {**page["meta"]["pagination"], **changes}
    return {**page, "meta": {**page["meta"], "pagination": changed}}


def html(request: BaseHTTPRequestHandler, status: int) -> None:
    """Answer as a proxy does that has lost what is behind it."""
    body = b"<html><body><h1>Something went wrong</h1></body></html>"
    request.send_response(status)
    request.send_header("content-type", "text/html")
    request.send_header("content-length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


def cut(request: BaseHTTPRequestHandler, page: Page) -> None:
    """Hang up half-way."""
    body = json.dumps(page).encode()
    request.send_response(200)
    request.send_header("content-length", str(len(body)))
    request.end_headers()
    request.wfile.write(body[: len(body) // 2])
    request.wfile.flush()
    request.connection.shutdown(socket.SHUT_RDWR)
    request.close_connection = True
