"""What is read of a body: three fields in a narrow form, or nothing at all."""

import hashlib
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.envelope import Envelope, peek
from worker.settings import ROOT

SAMPLES = sorted((ROOT / "tests" / "data" / "paddle" / "webhooks").glob("*.json"))
PLAIN = {
    "event_id": "evt_1",
    "event_type": "transaction.paid",
    "occurred_at": "2026-11-21T10:00:00.123456Z",
}


def body_with(**changes: object) -> bytes:
    return json.dumps({**PLAIN, **changes}).encode()


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_paddles_bodies_are_read(sample: object) -> None:
    body = sample.read_bytes()  # type: ignore[attr-defined]
    whole = json.loads(body)
    seen = peek(body)
    assert (seen.event_id, seen.event_type) == (whole["event_id"], whole["event_type"])
    assert seen.occurred_at is not None
    assert not seen.is_odd


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-11-21T10:00:00Z", datetime(2026, 11, 21, 10, tzinfo=UTC)),
        ("2026-11-21T10:00:00.5Z", datetime(2026, 11, 21, 10, 0, 0, 500000, UTC)),
        (
            "2026-11-21T10:00:00.123456789Z",
            datetime(2026, 11, 21, 10, 0, 0, 123456, UTC),
        ),
        ("2026-11-21T10:00:00+14:00", datetime(2026, 11, 20, 20, tzinfo=UTC)),
    ],
)
def test_times_are_read_to_the_microsecond(text: str, time: datetime) -> None:
    assert peek(body_with(occurred_at=text)).occurred_at == time


ODD = {
    "empty": b"",
    "not JSON": b"event_id=evt_1",
    "not UTF-8": b'{"event_id":"\xff"}',
    "byte order mark": b"\xef\xbb\xbf" + body_with(),
    "an array": b"[" + body_with() + b"]",
    "a number": b"1",
    "cut off": body_with()[:-1],
    "two documents": body_with() * 2,
    "too deep": b'{"data":' + b"[" * 100_000,
    "deep and closed": b"[" * 50_000 + b"]" * 50_000,
    "no id": b'{"event_type":"a","occurred_at":"2026-11-21T10:00:00Z"}',
    "id null": body_with(event_id=None),
    "id array": body_with(event_id=["evt_1"]),
    "id number": body_with(event_id=1),
    "id empty": body_with(event_id=""),
    "id with NUL": body_with(event_id="evt\0"),
    "id with newline": body_with(event_id="evt\n"),
    "id with surrogate": body_with(event_id="\ud800"),
    "id not ASCII": body_with(event_id="évt"),
    "id too long": body_with(event_id="e" * 129),
    "id like a digest": body_with(event_id="sha256:" + "0" * 64),
    "type missing": b'{"event_id":"evt_1","occurred_at":"2026-11-21T10:00:00Z"}',
    "type odd": body_with(event_type="a b"),
    "type number": body_with(event_type=7),
    "time missing": b'{"event_id":"evt_1","event_type":"a"}',
    "time number": body_with(occurred_at=1700000000),
    "time without zone": body_with(occurred_at="2026-11-21T10:00:00"),
    "time words": body_with(occurred_at="yesterday"),
    "time of day 25": body_with(occurred_at="2026-11-21T25:00:00Z"),
    "leap second": body_with(occurred_at="2026-06-30T23:59:60Z"),
    "year 0": body_with(occurred_at="0000-01-01T00:00:00Z"),
    "year 1": body_with(occurred_at="0001-01-01T00:00:00+14:00"),
    "year 9999": body_with(occurred_at="9999-12-31T23:59:59-14:00"),
    "zone of 25 hours": body_with(occurred_at="2026-11-21T10:00:00+25:00"),
    "time in other digits": body_with(occurred_at="٢٠٢٦-11-21T10:00:00Z"),
}


@pytest.mark.parametrize("body", ODD.values(), ids=list(ODD))
def test_odd_bodies_are_known_by_their_digest(body: bytes) -> None:
    digest = hashlib.sha256(body)
    known_by = f"sha256:{digest.hexdigest()}"
    assert peek(body) == Envelope(known_by, None, None, digest.digest())
    assert peek(body).is_odd


def test_what_data_holds_does_not_matter() -> None:
    body = body_with(data={"event_id": "evt_2", "x": [1, {"event_type": 3}]})
    assert peek(body).event_id == "evt_1"


FIELDS = st.one_of(
    st.none(), st.integers(), st.text(max_size=10), st.lists(st.text(max_size=3))
)


@settings(max_examples=1000, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=200),
        st.builds(body_with, event_id=FIELDS, event_type=FIELDS, occurred_at=FIELDS),
        st.recursive(
            st.one_of(st.none(), st.floats(), st.text()),
            lambda inner: st.dictionaries(st.sampled_from(list(PLAIN)), inner),
        ).map(lambda value: json.dumps(value).encode()),
    )
)
def test_whatever_bytes_come_there_is_an_envelope(body: bytes) -> None:
    seen = peek(body)
    seen.event_id.encode("ascii")
    assert "\0" not in seen.event_id
    assert seen.digest == hashlib.sha256(body).digest()
    assert (seen.event_type is None) == (seen.occurred_at is None) == seen.is_odd
