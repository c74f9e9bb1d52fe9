"""Bodies that should not be."""

import json
import random
from typing import Any

import pytest

from local_paddle.hostile import MALFORMED, POISON, corrupted, poisoned
from local_paddle.ids import Ids, is_paddle_id

AT = "2026-04-12T10:18:47Z"


def has_good_envelope(body: bytes) -> bool:
    try:
        event: Any = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(event, dict) and is_paddle_id(event.get("event_id"), "evt")


@pytest.mark.parametrize("variant", MALFORMED)
def test_no_event_can_be_read_from_a_malformed_body(variant: str) -> None:
    assert not has_good_envelope(MALFORMED[variant](Ids(), AT))


@pytest.mark.parametrize("variant", MALFORMED)
def test_two_malformed_bodies_differ(variant: str) -> None:
    ids = Ids()
    assert MALFORMED[variant](ids, AT) != MALFORMED[variant](ids, AT)


@pytest.mark.parametrize("variant", POISON)
def test_poison_leaves_its_sample_alone(variant: str) -> None:
    line = {"totals": {"total": "1"}}
    sample: dict[str, Any] = {"id": "txn_1", "updated_at": AT}
    sample |= {"details": {"totals": {"total": "1"}, "line_items": [line]}}
    before = json.dumps(sample)
    assert poisoned(variant, sample) != sample
    assert json.dumps(sample) == before


def test_corruption_flips_one_bit() -> None:
    body = bytes(100)
    broken = corrupted(body, random.Random(1))
    assert sum(byte.bit_count() for byte in broken) == 1
