"""Whom it touches, in words."""

import pytest

from worker.alerts.stakes import Stakes, sentence


@pytest.mark.parametrize(
    ("stakes", "words"),
    [
        (Stakes(), "nobody that is known"),
        (Stakes(1), "1 learner"),
        (Stakes(1200), "1,200 learners"),
        (
            Stakes(12, {"JPY": 5000, "EUR": 48_000}, capped=True),
            "at least 12 learners, 480.00 EUR and 5000 JPY",
        ),
        (
            Stakes(2, {"USD": 1, "EUR": 2, "KRW": 3}),
            "2 learners, 0.02 EUR, 3 KRW and 0.01 USD",
        ),
        (Stakes(money={"EUR": 100}), "1.00 EUR"),
        (Stakes(unknown=1), "1 whose buyer is not known"),
        (
            Stakes(1, {"EUR": 100}, unknown=2),
            "1 learner, 1.00 EUR, 2 whose buyer is not known",
        ),
    ],
)
def test_stakes_are_told_in_a_sentence(stakes: Stakes, words: str) -> None:
    assert sentence(stakes) == words


def test_a_currency_that_is_none_is_not_repeated() -> None:
    hostile = Stakes(1, {"EUR\n\u202e": 100})

    assert sentence(hostile) == "1 learner, money of an odd currency"
