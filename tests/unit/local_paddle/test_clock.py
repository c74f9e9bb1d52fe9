"""Instants as Paddle writes them, waits that can be compressed."""

from datetime import UTC, datetime

import pytest

from local_paddle.clock import Clock, instant_of, rfc3339, with_nanoseconds

AT = datetime(2026, 4, 12, 10, 18, 47, 635620, UTC)


def test_trailing_zeros_of_the_fraction_are_left_out() -> None:
    assert rfc3339(AT) == "2026-04-12T10:18:47.63562Z"
    assert rfc3339(AT.replace(microsecond=0)) == "2026-04-12T10:18:47Z"


def test_nine_digits_name_the_same_microsecond() -> None:
    assert with_nanoseconds(rfc3339(AT), 7) == "2026-04-12T10:18:47.635620007Z"
    assert instant_of(with_nanoseconds(rfc3339(AT), 999)) == AT
    whole = rfc3339(AT.replace(microsecond=0))
    assert instant_of(with_nanoseconds(whole, 1)) == AT.replace(microsecond=0)


@pytest.mark.parametrize(("factor", "seconds"), [(1, 60), (60, 1), (0.5, 120)])
def test_a_factor_divides_waits(factor: float, seconds: float) -> None:
    assert Clock(factor).wait_seconds(60) == seconds
