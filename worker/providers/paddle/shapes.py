"""What of a body this release has never heard of: types, fields, values.

Off the way of an event: nothing is decided here, it is for operators and for whoever
works on the next release. A value is told only where Paddle has a fixed set of them; of
a field that is unknown only the name. Wrong types are no business of this module: what
is needed is read strictly elsewhere, and what is not needed does no harm.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from models.drift import DriftKind
from worker.providers.contract import Novelty
from worker.providers.paddle.event_types import EVENT_TYPES, entity_of

FILE = Path(__file__).with_name("shapes.toml")
#: Of one body; more than a new version brings, and no more than a hostile one may.
MOST_OF_A_BODY = 50
#: What a name or value is shown as that might be data: a mail address, an id, a text.
HIDDEN = "?"
_FIELD = re.compile(r"(\w+)(\[\])?(?:=(\w+)|:(\w+)|(\*))?", re.ASCII)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}", re.ASCII)
#: Prefix and 26 characters, as all of Paddle's ids.
_ID = re.compile(r"[a-z]+_[0-9a-z]{26}", re.ASCII)
_NOT_JSON = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)


@dataclass(frozen=True, slots=True)
class Field:
    """A field that is known. Neither values nor shape: anything may stand in it."""

    is_list: bool
    #: Whatever else stands in it is new; None: not a fixed set.
    values: frozenset[str] | None
    #: Name of the shape of what is in it.
    shape: str | None


Shapes = Mapping[str, Mapping[str, Field]]


@cache
def shapes() -> Shapes:
    """Return the fields of every known object, by the object's name and their own."""
    told = tomllib.loads(FILE.read_text())
    values = {name: frozenset(words.split()) for name, words in told["values"].items()}
    return {
        shape: dict(_field(word, values) for word in words.split())
        for shape, words in told["shapes"].items()
    }


def _field(word: str, values: Mapping[str, frozenset[str]]) -> tuple[str, Field]:
    match = _FIELD.fullmatch(word)
    if match is None:
        raise ValueError(f"{word} in {FILE.name} is no field")
    name, many, fixed, shape, _ = match.groups()
    return name, Field(bool(many), values[fixed] if fixed else None, shape)


def novelties_of(event_type: str, body: bytes) -> frozenset[Novelty]:
    """Return what is new about a body; never raises, whatever the bytes are."""
    try:
        event = msgspec.json.decode(body)
    except _NOT_JSON:
        return frozenset()
    found = set()
    if event_type not in EVENT_TYPES:
        found.add(Novelty(DriftKind.TYPE, event_type))
    for novelty in _walk_event(event_type, event):
        if len(found) == MOST_OF_A_BODY:
            break
        found.add(novelty)
    return frozenset(found)


def _walk_event(event_type: str, event: Any) -> Iterator[Novelty]:  # noqa: ANN401
    yield from _walk(event, "event", "event")
    entity = entity_of(event_type)
    if entity in shapes() and isinstance(event, dict):
        yield from _walk(event.get("data"), entity, entity)


def _walk(value: Any, shape: str, path: str) -> Iterator[Novelty]:  # noqa: ANN401
    if not isinstance(value, dict):
        return
    fields = shapes()[shape]
    for name, child in value.items():
        field = fields.get(name)
        if field is None:
            yield Novelty(DriftKind.FIELD, f"{path}.{shown(name)}")
        elif field.values is not None or field.shape is not None:
            place = f"{path}.{name}[]" if field.is_list else f"{path}.{name}"
            for one in child if isinstance(child, list) else (child,):
                yield from _look(one, field, place)


def _look(value: Any, field: Field, path: str) -> Iterator[Novelty]:  # noqa: ANN401
    if field.shape is not None:
        yield from _walk(value, field.shape, path)
    elif isinstance(value, str) and value not in (field.values or ()):
        yield Novelty(DriftKind.ENUM, path, shown(value))


def shown(word: str) -> str:
    """Return a word if it can be a name that Paddle gave, and nothing personal."""
    return word if _NAME.fullmatch(word) and not _ID.fullmatch(word) else HIDDEN
