"""Our own bodies of every event type fit Paddle's description and what we know of it."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker, ValidationError

from tests.event_bodies import FOLDER, body_of, text_of
from tests.purchases import encoded
from worker.providers.paddle.event_types import EVENT_TYPES, entity_of
from worker.providers.paddle.shapes import novelties_of, shapes

PADDLE = FOLDER.parent
SCHEMAS = json.loads((PADDLE / "schemas.json").read_text())
DESCRIBED = set(SCHEMAS["components"]["schemas"]) & set(EVENT_TYPES)
#: Left out by Paddle too, but where they say something.
SOMETIMES = {
    "subscription.transaction_id",
    "payment_method.deletion_reason",
    "product.prices",
}
#: Nothing is published about what is in them.
UNDESCRIBED = {"api_key_rotation", "invoice"}

formats = FormatChecker([])


@formats.checks("date-time", ValueError)  # type: ignore[untyped-decorator]
def is_instant(text: object) -> bool:
    return isinstance(text, str) and bool(datetime.fromisoformat(text).tzinfo)


def validate(name: str, value: object) -> None:
    schema = {"$ref": f"#/components/schemas/{name}", **SCHEMAS}
    Draft202012Validator(schema, format_checker=formats).validate(value)


def leaves(value: Any) -> Iterator[object]:
    inner = value.values() if isinstance(value, dict) else value
    if isinstance(value, dict | list):
        for one in inner:
            yield from leaves(one)
    else:
        yield value


def test_there_is_a_file_for_every_type_and_no_other() -> None:
    assert {file.stem for file in FOLDER.glob("*.json")} == set(EVENT_TYPES)


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_a_file_says_what_its_writer_says(event_type: str) -> None:
    text = (FOLDER / f"{event_type}.json").read_text()

    assert text == text_of(event_type), "run `.venv/bin/python tests/write_events.py`"


@pytest.mark.parametrize("event_type", sorted(DESCRIBED))
def test_a_body_fits_paddles_description(event_type: str) -> None:
    validate(event_type, body_of(event_type))


def test_what_paddle_describes_is_what_its_description_names() -> None:
    assert len(DESCRIBED) == 50
    body = body_of("customer.created")
    body["data"]["status"] = "frozen"
    with pytest.raises(ValidationError, match="is not one of"):
        validate("customer.created", body)


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_a_body_has_every_field_that_is_known_and_no_other(event_type: str) -> None:
    body, entity = body_of(event_type), entity_of(event_type)

    assert novelties_of(event_type, encoded(body)) == frozenset()
    if entity not in UNDESCRIBED:
        known = {f"{entity}.{name}" for name in shapes()[entity]} - SOMETIMES
        assert {f"{entity}.{name}" for name in body["data"]} >= known


def test_ids_and_moments_of_the_events_are_their_own() -> None:
    bodies = [body_of(event_type) for event_type in EVENT_TYPES]

    for name in ("event_id", "notification_id", "occurred_at"):
        assert len({body[name] for body in bodies}) == len(EVENT_TYPES)


def test_nobody_real_is_in_them() -> None:
    for event_type in EVENT_TYPES:
        for leaf in leaves(body_of(event_type)):
            if isinstance(leaf, str) and ("@" in leaf or "//" in leaf):
                assert "example.com" in leaf
