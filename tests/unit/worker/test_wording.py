"""Numbers with their nouns."""

import pytest

from worker.wording import counted


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 rows"), (1, "1 row"), (1000, "1,000 rows")]
)
def test_a_noun_goes_with_its_number(count: int, words: str) -> None:
    assert counted(count, "row") == words
