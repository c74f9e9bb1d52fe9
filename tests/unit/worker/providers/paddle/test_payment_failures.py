"""Every code of Paddle's description has words; a new one is shown as it is."""

import json
import re
from pathlib import Path

import pytest

from worker.providers.paddle.payment_failures import WORDS
from worker.providers.paddle.provider import Paddle

DATA = Path(__file__).parents[4] / "data" / "paddle" / "schemas.json"
SCHEMAS = json.loads(DATA.read_text())["components"]["schemas"]
CODES = SCHEMAS["error_code"]["enum"]


@pytest.mark.parametrize("code", CODES)
def test_a_code_of_the_description_has_plain_words(code: str) -> None:
    words = Paddle().failure_words(code)

    assert words != code
    assert "_" not in words


def test_each_reason_is_told_in_words_of_its_own() -> None:
    assert len(CODES) > 15
    assert len(set(WORDS.values())) == len(WORDS)


def test_a_new_code_is_shown_as_it_is() -> None:
    assert Paddle().failure_words("brand_new") == "brand_new"


def test_words_are_short_and_begin_small() -> None:
    assert all(re.fullmatch(r"[a-z][^.]{3,60}", words) for words in WORDS.values())
