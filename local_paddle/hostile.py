"""Bodies that should not be: signed mistakes, poison, forgeries, corruption.

Each body is unique (a fresh id or mark inside), so that what a receiver stores under a
digest can be counted.
"""

import copy
import random
from collections.abc import Callable
from typing import Any

from local_paddle.ids import Ids
from local_paddle.signing import compact
from local_paddle.store import Entity

NESTING_DEPTH = 20_000
#: More than any signed 64-bit integer.
HUGE_AMOUNT = str(10**30)
TYPE = "transaction.completed"

Break = Callable[[Entity], Any]


def _without_id(data: Entity) -> Any:  # noqa: ANN401
    return {name: value for name, value in data.items() if name != "id"}


def _amount(text: str) -> Break:
    def broken(data: Entity) -> Any:  # noqa: ANN401
        data["details"]["totals"]["total"] = text
        data["details"]["line_items"][0]["totals"]["total"] = text
        return data

    return broken


def _bad_time(data: Entity) -> Any:  # noqa: ANN401
    data["updated_at"] = "yesterday"
    return data


#: Data that no recorder can take, by name. The envelope around it is good.
POISON: dict[str, Break] = {
    "amount_is_text": _amount("twelve"),
    "amount_is_huge": _amount(HUGE_AMOUNT),
    "data_is_a_list": lambda data: [data["id"]],
    "data_is_null": lambda _: None,
    "no_entity_id": _without_id,
    "items_are_text": lambda data: data | {"items": "none", "details": "none"},
    "time_is_a_word": _bad_time,
}


def _envelope(ids: Ids, occurred_at: str, **changes: object) -> Entity:
    envelope = {
        "data": {"id": ids.new("txn")},
        "event_id": ids.new("evt"),
        "event_type": TYPE,
        "occurred_at": occurred_at,
        "notification_id": ids.new("ntf"),
    }
    return envelope | changes


def _nested(ids: Ids, at: str) -> bytes:
    deep = "[" * NESTING_DEPTH + "]" * NESTING_DEPTH
    body = compact(_envelope(ids, at, data="DEEP"))
    return body.replace('"DEEP"', deep).encode()


#: Signed bodies from which no event can be read, by name.
MALFORMED: dict[str, Callable[[Ids, str], bytes]] = {
    "not_json": lambda ids, _: f"p_signature={ids.new('x')}&alert_name=1".encode(),
    "not_utf8": lambda ids, _: (
        b'{"event_id":"\xff\xfe' + ids.new("evt").encode() + b'"}'
    ),
    "cut_json": lambda ids, at: compact(_envelope(ids, at)).encode()[:-20],
    "a_list": lambda ids, at: compact([_envelope(ids, at)]).encode(),
    "no_id": lambda ids, at: compact(_envelope(ids, at, event_id=None)).encode(),
    "id_is_a_list": lambda ids, at: compact(
        _envelope(ids, at, event_id=[ids.new("evt")])
    ).encode(),
    "id_has_nul": lambda ids, at: compact(
        _envelope(ids, at, event_id=f"{ids.new('evt')}\0")
    ).encode(),
    "id_is_a_surrogate": lambda ids, at: compact(
        _envelope(ids, at, event_id="evt_\ud800")
    ).encode(),
    "id_is_long": lambda ids, at: compact(
        _envelope(ids, at, event_id="evt_" + "a" * 5000)
    ).encode(),
    "deep_nesting": _nested,
}


def poisoned(variant: str, sample: Entity) -> Any:  # noqa: ANN401
    """Return the data of a sample transaction, broken in the named way."""
    return POISON[variant](copy.deepcopy(sample))


def corrupted(body: bytes, chance: random.Random) -> bytes:
    """Return the body with one bit flipped."""
    broken = bytearray(body)
    broken[chance.randrange(len(broken))] ^= 1 << chance.randrange(8)
    return bytes(broken)
