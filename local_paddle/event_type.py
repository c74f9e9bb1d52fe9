"""The event types that the local Paddle knows.

``event_types.json`` is the answer of ``GET /event-types`` in Paddle's OpenAPI
description of 2025-05-27.
"""

import json
from functools import cache
from pathlib import Path

from local_paddle.store import Entity

_FILE = Path(__file__).with_name("event_types.json")


@cache
def event_types() -> tuple[Entity, ...]:
    """Return all event types."""
    return tuple(json.loads(_FILE.read_text(encoding="utf-8")))


def subscribed_to(names: list[str]) -> list[Entity]:
    """Return the event types of these names, as a destination shows them.

    Raises:
        KeyError: There is no such event type.

    """
    known = {event_type["name"]: event_type for event_type in event_types()}
    return [known[name] for name in names]
