"""Event types: each has one outcome, and the page about them says the same."""

import json
import re

import pytest
from paddle_billing.Entities.Events.EventTypeName import EventTypeName

from ops.events_docs import BEGIN, END, EVENTS, events_of
from worker.providers.contract import KEPT, NOT_NEEDED
from worker.providers.paddle.event_types import EVENT_TYPES, EventType, Outcome
from worker.settings import ROOT

DESCRIBED = ROOT / "local_paddle" / "event_types.json"
#: What the kit's constants hold, among whatever else a class has.
NAME = re.compile(r"[a-z_]+\.[a-z_]+")
#: Announced on Paddle's pages, and in no description or library yet.
ANNOUNCED = {"api_key_rotation.created", "api_key_rotation.updated"}


def not_applied() -> list[EventType]:
    return [one for one in EVENT_TYPES.values() if one.outcome is not Outcome.APPLIED]


def test_every_type_that_paddle_names_has_an_outcome() -> None:
    kit = {str(one) for one in vars(EventTypeName).values() if NAME.fullmatch(str(one))}
    described = {one["name"] for one in json.loads(DESCRIBED.read_text())}

    assert len(kit | described) > 60
    assert set(EVENT_TYPES) == kit | described | ANNOUNCED


def test_the_table_of_event_types_is_up_to_date() -> None:
    text = EVENTS.read_text()
    assert BEGIN in text
    assert END in text
    assert events_of(text) == text, "run `make docs`"
    assert [name for name in EVENT_TYPES if f"| `{name}` |" not in text] == []


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_a_type_says_in_one_short_phrase_what_it_gives(name: str) -> None:
    one = EVENT_TYPES[name]

    assert one.name == name
    assert re.fullmatch(r"[a-zA-Z][a-zA-Z ,']{5,70}", one.words)


@pytest.mark.parametrize("one", not_applied(), ids=lambda one: one.name)
def test_what_is_not_applied_says_why_in_a_form_that_a_release_finds(
    one: EventType,
) -> None:
    prefix = KEPT if one.outcome is Outcome.KEPT else NOT_NEEDED

    assert one.reason == f"{prefix}{one.words}"
