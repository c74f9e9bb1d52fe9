"""Texts for people: on one line, short, and nothing in them turns around or ends it."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.alerts.words import clean, runbook_of, span
from worker.settings import Settings


@given(st.text(), st.integers(min_value=1, max_value=50))
def test_whatever_the_text_it_is_printable_and_short(words: str, most: int) -> None:
    cleaned = clean(words, most)
    assert cleaned.isprintable()
    assert len(cleaned) <= most + 1
    assert cleaned.encode().decode() == cleaned


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("plain – ä 李 <b>", "plain – ä 李 <b>"),
        ("a\nb", "a\\u000ab"),
        ("\x1b[2J", "\\u001b[2J"),
        ("a\u202eb", "a\\u202eb"),
        ("a\u2028b", "a\\u2028b"),
        ("a\u200bb", "a\\u200bb"),
        ("\ud800", "\\ud800"),
    ],
)
def test_what_could_mislead_is_made_visible(given: str, shown: str) -> None:
    assert clean(given) == shown


def test_what_is_cut_says_so_and_what_just_fits_is_not() -> None:
    assert clean("abcdef", 3) == "abc…"
    assert clean("abc", 3) == "abc"


def test_ten_thousand_characters_are_cut() -> None:
    assert len(clean("\x00" * 10_000)) == 501


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0 s"),
        (-5, "0 s"),
        (59.6, "1 min"),
        (61, "1 min 1 s"),
        (3600, "1 h"),
        (7512, "2 h 5 min"),
        (90_000, "1 d 1 h"),
    ],
)
def test_a_span_has_its_two_largest_units(seconds: float, shown: str) -> None:
    assert span(seconds) == shown


@pytest.mark.parametrize(
    "base", ["https://wiki.example.com/pw", "https://wiki.example.com/pw/"]
)
def test_a_runbook_can_be_a_link(
    base: str, make_settings: Callable[..., Settings]
) -> None:
    config: Any = make_settings(alert_runbooks_url=base)
    assert runbook_of("dead_letters", config) == (
        "https://wiki.example.com/pw/dead-letters.md"
    )
