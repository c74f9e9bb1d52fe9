"""What Paddle's OpenAPI description lets a request hold."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend

DESCRIBED = json.loads(
    (Path(__file__).parent / "data" / "paddle" / "requests.json").read_text()
)
_plain = Draft202012Validator.VALIDATORS["properties"]


def _properties(
    validator: Any, properties: Mapping[str, Any], given: Any, schema: Any
) -> Iterator[ValidationError]:
    """Refuse what only Paddle sets."""
    yield from _plain(validator, properties, given, schema)
    for name in given if isinstance(given, dict) else ():
        if properties.get(name, {}).get("readOnly"):
            yield ValidationError(f"{name} is read-only")


_Strict = extend(Draft202012Validator, {"properties": _properties})


def schema_of(method: str, path: str) -> tuple[str, Any]:
    """Return the described path of a request, and its schema."""
    for described, schema in DESCRIBED["requests"].items():
        verb, pattern = described.split()
        if verb == method and _is_of(path, pattern):
            # Null: it has no body.
            return described, schema or {}
    message = f"{method} {path} is not described"
    raise LookupError(message)


def check_request(method: str, path: str, given: Mapping[str, Any]) -> str:
    """Check the body of a request; return its described path.

    Raises:
        ValidationError: It holds what it must not, or lacks what it must.
    """
    described, schema = schema_of(method, path)
    _Strict({**schema, "components": DESCRIBED["components"]}).validate(given)
    if odd := given.keys() - writable(schema):
        message = f"not described: {odd}"
        raise ValidationError(message)
    return described


def writable(schema: Mapping[str, Any]) -> set[str]:
    """Return the fields that a schema takes, whichever of its kinds is meant."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return writable(DESCRIBED["components"]["schemas"][name])
    parts = [
        part for kind in ("oneOf", "anyOf", "allOf") for part in schema.get(kind, ())
    ]
    own = schema.get("properties", {})
    taken = {name for name, field in own.items() if not field.get("readOnly")}
    return taken.union(*map(writable, parts))


def _is_of(path: str, pattern: str) -> bool:
    parts, named = path.split("/"), pattern.split("/")
    return len(parts) == len(named) and all(
        one == other or other.startswith("{")
        for one, other in zip(parts, named, strict=True)
    )
