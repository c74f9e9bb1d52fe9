"""Paddle's envelope: ``data`` with ``meta``, or ``error`` with ``meta``.

https://developer.paddle.com/api-reference/about/success-responses and /errors.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from starlette.responses import Response

from local_paddle.signing import compact

ERROR_PAGES = "https://developer.paddle.com/errors"
JSON = "application/json"


@dataclass
class ApiError(Exception):
    """An answer that is no success; ``fields`` are (field, message) pairs."""

    status: int
    code: str
    detail: str
    fields: Sequence[tuple[str, str]] = ()
    headers: dict[str, str] = field(default_factory=dict)
    #: ``shared``, or the kind of entity whose page explains the code.
    chapter: str = "shared"


def not_found(entity_id: str) -> ApiError:
    """Return the error for an entity that is not there."""
    return ApiError(HTTPStatus.NOT_FOUND, "not_found", f"Entity {entity_id} not found")


def invalid(*fields: tuple[str, str]) -> ApiError:
    """Return the error for fields or parameters that are wrong."""
    return ApiError(
        HTTPStatus.BAD_REQUEST,
        "invalid_field",
        "Request does not pass validation.",
        fields,
    )


def bad_request(detail: str) -> ApiError:
    """Return the error for a request that makes no sense."""
    return ApiError(HTTPStatus.BAD_REQUEST, "bad_request", detail)


def success(
    data: object, status: int = HTTPStatus.OK, pagination: object = None
) -> Response:
    """Answer with data."""
    meta: dict[str, Any] = _meta()
    if pagination is not None:
        meta["pagination"] = pagination
    return _json({"data": data, "meta": meta}, status)


def failure(error: ApiError) -> Response:
    """Answer with an error."""
    is_ours = error.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    is_limit = error.status == HTTPStatus.TOO_MANY_REQUESTS
    body: dict[str, Any] = {
        "type": "api_error" if is_ours or is_limit else "request_error",
        "code": error.code,
        "detail": error.detail,
        "documentation_url": f"{ERROR_PAGES}/{error.chapter}/{error.code}",
    }
    if error.fields:
        body["errors"] = [{"field": f, "message": m} for f, m in error.fields]
    return _json({"error": body, "meta": _meta()}, error.status, error.headers)


def _meta() -> dict[str, Any]:
    return {"request_id": str(uuid.uuid4())}


def _json(
    content: object, status: int, headers: dict[str, str] | None = None
) -> Response:
    return Response(compact(content), status, headers, media_type=JSON)
