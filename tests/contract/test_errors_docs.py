"""Each error code of Paddle is told in a sentence, and the page has them all."""

import re

import pytest

from ops.errors_docs import BEGIN, END, ERRORS, errors_of
from worker.providers.paddle.error_codes import CODES


def test_the_page_of_error_codes_is_up_to_date() -> None:
    text = ERRORS.read_text()

    assert BEGIN in text
    assert END in text
    assert errors_of(text) == text, "run `make docs`"


@pytest.mark.parametrize("code", CODES)
def test_each_code_says_what_it_means_and_what_the_buyer_is_told(code: str) -> None:
    one = CODES[code]

    assert re.fullmatch(r"[A-Z0-9`][^|\n]{15,180}\.", one.words)
    if re.match("(url_)?(adjustment|notification|subscription)_", code):
        # No checkout gets that answer, and nothing is promised to a buyer.
        assert one.buyer is None
    else:
        assert one.buyer is not None
        assert code not in one.buyer
        assert one.buyer[-1] == "."
