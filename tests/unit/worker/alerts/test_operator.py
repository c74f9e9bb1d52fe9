"""How long a silence may be, as operators write it."""

from datetime import timedelta

import pytest

from worker.alerts.operator import LONGEST_SILENCE, OperatorError, duration_of


@pytest.mark.parametrize(
    ("words", "span"),
    [
        ("30m", timedelta(minutes=30)),
        ("2h", timedelta(hours=2)),
        (" 1d ", timedelta(days=1)),
        ("90m", timedelta(minutes=90)),
        ("30d", LONGEST_SILENCE),
        ("720h", LONGEST_SILENCE),
    ],
)
def test_a_span_is_a_number_and_a_unit(words: str, span: timedelta) -> None:
    assert duration_of(words) == span


@pytest.mark.parametrize(
    "words", ["", "2", "h", "2 h", "-1h", "1.5h", "2s", "2w", "1h30m", "٢h", "9" * 6]
)
def test_anything_else_is_refused(words: str) -> None:
    with pytest.raises(OperatorError, match="30m, 2h or 1d"):
        duration_of(words)


@pytest.mark.parametrize("words", ["0m", "0d", "31d", "721h", "99999d", "43201m"])
def test_a_silence_is_neither_none_nor_for_ever(words: str) -> None:
    with pytest.raises(OperatorError, match="from 1m to 30d"):
        duration_of(words)
