"""Paddle's money and times: read exactly, or refused by name without quoting."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.clock import Clock
from worker.errors import MalformedPayloadError
from worker.providers.paddle.values import (
    LARGEST_MINOR,
    LONGEST_ID,
    TIME,
    currency_of,
    id_of,
    minor_of,
    optional_id_of,
    optional_text_of,
    optional_time_of,
    text_of,
    time_of,
)

T = TypeVar("T")
REFUSED_TIMES = {
    "at is not a time with a zone",
    "at is not a time",
    "at lies in a year of no use",
}
REFUSED_AMOUNTS = {
    "total is not an integer amount",
    "total is larger than can be stored",
}


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        ("0", 0),
        ("-0", 0),
        ("007", 7),
        ("9007199254740993", 2**53 + 1),
        (str(LARGEST_MINOR), LARGEST_MINOR),
    ],
)
def test_an_amount_is_an_exact_integer(value: str, amount: int) -> None:
    assert minor_of(value, "total") == amount


@pytest.mark.parametrize(
    "value",
    ["", " 1", "1 ", "+1", "1e3", "10.5", "1,000", "0x1", "١٢", "½", "NaN", "Infinity",
     "-", "--1", "1\n", "9" * 20, "9" * 5000, str(LARGEST_MINOR + 1), "1\x00"],
)  # fmt: skip
def test_anything_else_is_no_amount(value: str) -> None:
    with pytest.raises(MalformedPayloadError, match=r"^total "):
        minor_of(value, "total", may_be_negative=True)


def test_only_a_credit_may_be_negative() -> None:
    assert minor_of("-1", "total", may_be_negative=True) == -1
    with pytest.raises(MalformedPayloadError, match=r"^total is negative$"):
        minor_of("-1", "total")


@given(st.integers(-LARGEST_MINOR, LARGEST_MINOR))
def test_every_amount_that_can_be_stored_is_read_back(amount: int) -> None:
    assert minor_of(str(amount), "total", may_be_negative=True) == amount


#: Hypothesis wants them without a zone.
EARLY = datetime(2000, 1, 2, tzinfo=UTC).replace(tzinfo=None)
LATE = datetime(2199, 12, 30, tzinfo=UTC).replace(tzinfo=None)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2026-01-01T12:00:00Z", NOON),
        ("2026-01-01t12:00:00z", NOON),
        ("2026-01-01 12:00:00+00:00", NOON),
        ("2026-01-02T02:00:00+14:00", NOON),
        ("2026-01-01T00:00:00-12:00", NOON),
        ("2026-01-01T12:00:00.1Z", NOON.replace(microsecond=100_000)),
        ("2026-01-01T12:00:00.123456Z", NOON.replace(microsecond=123_456)),
        ("2026-01-01T12:00:00.123456789Z", NOON.replace(microsecond=123_456)),
        ("2000-01-01T00:00:00Z", datetime(2000, 1, 1, tzinfo=UTC)),
        ("2199-12-31T23:59:59Z", datetime(2199, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("2200-01-01T00:59:59+01:00", datetime(2199, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("1999-12-31T23:00:00-01:00", datetime(2000, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_time_has_zero_to_nine_digits_and_any_zone(
    value: str, moment: datetime
) -> None:
    assert time_of(value, "at") == moment


@pytest.mark.parametrize(
    "value",
    ["", "now", "2026-01-01", "2026-01-01T12:00:00", "2026-01-01T12:00Z",
     "2026-01-01T12:00:00.Z", "2026-01-01T12:00:00.1234567890Z", "2026-02-29T12:00:00Z",
     "2026-01-01T23:59:60Z", "2026-01-01T25:00:00Z", "2026-01-01T12:00:00+99:99",
     "2026-01-01T24:00:00Z", "2026-01-01T12:60:00Z", "2026-01-01T12:00:00+01:60",
     "2026-01-01T12:00:00+24:00", "2026-01-01T12:00:00+0100", "2026-00-01T12:00:00Z",
     "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59",
     "2200-01-01T00:00:00+00:00", "2199-12-31T23:00:00-01:00",
     "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "1999-12-31T23:59:59Z",
     "2200-01-01T00:00:00Z", "1767268800", "\uff12026-01-01T12:00:00Z",
     " 2026-01-01T12:00:00Z", "2026-01-01T12:00:00Z\n"],
)  # fmt: skip
def test_anything_else_is_no_time(value: str) -> None:
    with pytest.raises(
        MalformedPayloadError, match=r"^at (is not a time|lies in a year)"
    ):
        time_of(value, "at")


@given(st.datetimes(EARLY, LATE, timezones=st.just(UTC)))
def test_every_time_of_our_days_is_read_back(moment: datetime) -> None:
    assert time_of(moment.isoformat(), "at") == moment


NANOSECONDS = st.integers(0, 2_000_000_000)


def with_nanoseconds(nanoseconds: int) -> str:
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return f"2026-11-21T09:46:{10 + seconds}.{rest:09}Z"


@given(NANOSECONDS, NANOSECONDS)
def test_what_is_cut_off_never_turns_two_times_around(one: int, other: int) -> None:
    first, second = sorted((one, other))

    assert time_of(with_nanoseconds(first), "at") <= time_of(
        with_nanoseconds(second), "at"
    )


@given(st.integers(0, 999), st.integers(0, 999), st.permutations("abcd"))
def test_snapshots_that_differ_by_less_than_a_microsecond_are_ordered_all_the_same(
    one: int, other: int, events: list[str]
) -> None:
    at = time_of("2026-11-21T09:46:10Z", "at")
    moments = [time_of(with_nanoseconds(n), "at") for n in (one, other)]
    clocks = [Clock(0, moments[0], 3, at, event) for event in events[:2]]
    clocks += [Clock(0, moments[1], 4, at, event) for event in events[2:]]

    # Further along the way wins; of equal ones always the same, whatever came first.
    assert max(clocks) == max(clocks[2:])
    assert max(clocks) == max(reversed(clocks))
    assert len(set(clocks)) == len(clocks)


def read_or_refused(read: Callable[[], T]) -> tuple[T | None, str]:
    """What was read, or None and the words of the refusal."""
    try:
        return read(), ""
    except MalformedPayloadError as error:
        return None, str(error)


@given(st.text())
def test_a_text_is_a_time_or_refused_by_name_without_quoting(value: str) -> None:
    moment, words = read_or_refused(lambda: time_of(value, "at"))

    assert moment is not None or words in REFUSED_TIMES


@given(st.from_regex(TIME, fullmatch=True))
def test_whatever_has_the_form_of_a_time_is_read_in_utc_or_refused(value: str) -> None:
    moment, words = read_or_refused(lambda: time_of(value, "at"))

    if moment is None:
        assert words in REFUSED_TIMES
    else:
        assert moment == datetime.fromisoformat(value.upper())
        assert moment.tzinfo is UTC


@given(st.text() | st.from_regex(r"[+-]?[0-9\u0660-\u0669]{1,25}", fullmatch=True))
def test_a_text_is_an_amount_or_refused_by_name_without_quoting(value: str) -> None:
    read = partial(minor_of, value, "total", may_be_negative=True)
    amount, words = read_or_refused(read)

    if amount is None:
        assert words in REFUSED_AMOUNTS
    else:
        assert re.fullmatch("-?[0-9]+", value)
        assert abs(amount) <= LARGEST_MINOR


@pytest.mark.parametrize("value", ["EUR", "KWD", "XXX"])
def test_a_currency_is_three_capital_letters_known_or_not(value: str) -> None:
    assert currency_of(value, "currency") == value


@pytest.mark.parametrize(
    "value", ["", "eur", "EU", "EURO", "EU1", "\u0415UR", "EUR\n", "€"]
)
def test_anything_else_is_no_currency(value: str) -> None:
    with pytest.raises(MalformedPayloadError, match=r"^currency is no currency code$"):
        currency_of(value, "currency")


@pytest.mark.parametrize("value", ["a\x00b", "\ud800", "x\udfff"])
def test_a_text_that_cannot_be_stored_is_refused(value: str) -> None:
    for read in (text_of, optional_text_of, id_of, optional_id_of):
        with pytest.raises(MalformedPayloadError, match=r"^name "):
            read(value, "name")


@pytest.mark.parametrize("value", ["", "Jö 👩‍🏫", "x" * 100_000])
def test_any_other_text_is_kept(value: str) -> None:
    assert text_of(value, "name") == value


@pytest.mark.parametrize("value", ["", "x" * (LONGEST_ID + 1)])
def test_an_id_is_neither_empty_nor_endless(value: str) -> None:
    with pytest.raises(MalformedPayloadError, match=r"^id is empty or longer"):
        id_of(value, "id")


def test_what_may_be_missing_may_be_missing() -> None:
    assert optional_time_of(None, "at") is None
    assert optional_text_of(None, "name") is None
    assert optional_id_of(None, "id") is None
