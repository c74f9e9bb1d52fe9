"""What every endpoint shares that changes something: read, store, tell, answer."""

import json
from datetime import datetime
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from local_paddle import form
from local_paddle.answer import ApiError, not_found, success
from local_paddle.entity import changed
from local_paddle.feed import Feed
from local_paddle.form import Form
from local_paddle.store import Entity


class Writing:
    """Endpoints on one feed."""

    def __init__(self, feed: Feed) -> None:
        """Change the feed's store and tell of it."""
        self._feed = feed
        self._store = feed.store

    def _now(self) -> datetime:
        return self._feed.clock.now()

    def _find(self, kind: str, entity_id: str) -> Entity:
        entity = self._store.get(kind, entity_id)
        if entity is None:
            raise not_found(entity_id)
        return entity

    async def _change(
        self, request: Request, kind: str, shape: Form
    ) -> tuple[Entity, Entity]:
        given = form.read(shape, await body_of(request), is_partial=True)
        return self._find(kind, request.path_params["id"]), given

    def _told(self, event_type: str, kind: str, entity: Entity) -> Response:
        with self._store.transaction():
            self._store.put(kind, entity)
            self._feed.emit(event_type, entity, self._now())
        return success(entity, HTTPStatus.CREATED)

    def _retold(self, kind: str, entity: Entity, given: Entity) -> Response:
        entity = changed(entity, self._now(), given)
        with self._store.transaction():
            self._store.put(kind, entity)
            self._feed.emit(f"{kind}.updated", entity, self._now())
        return success(entity)


async def body_of(request: Request) -> Any:  # noqa: ANN401
    """Read a request's JSON.

    Raises:
        ApiError: ``invalid_json``.

    """
    try:
        return json.loads(await request.body())
    except (ValueError, RecursionError):
        raise ApiError(
            HTTPStatus.BAD_REQUEST, "invalid_json", "Request body is not valid JSON"
        ) from None
