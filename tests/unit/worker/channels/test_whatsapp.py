"""What may stand in a template, whatever strangers wrote."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.notices import NoticeKind
from worker.channels.contract import Message, Recipient
from worker.channels.letter import Words
from worker.channels.whatsapp import clean, languages_of, parameters_of

#: What the API refuses in a parameter.
REFUSED = re.compile(r"[\n\r\t\x00-\x1f]| {4}|^$")
HOSTILE = [
    "",
    " ",
    "a\r\nb",
    "tab\tand     blanks",
    "\u202eforged",
    "\x00\x1b[31m",
    "x" * 10_000,
    "\u2028\u2029",
    "{{1}}",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_parameter_is_what_the_api_takes(text: str) -> None:
    assert not REFUSED.search(clean(text, 100))
    assert len(clean(text, 100)) <= 100


@given(st.text(), st.text(), st.text(), st.text())
def test_all_parameters_fit_into_one_message(
    shop: str, course: str, subject: str, why: str
) -> None:
    facts = {"shop": shop * 100, "course": course * 100}
    to = Recipient("visit evil.example", "+4915199912345")
    words = Words(subject * 100, "", "", why * 100)
    texts = parameters_of(Message(NoticeKind.ENDED, "key", "<1@x>", to, words, facts))
    assert not [one for one in texts if REFUSED.search(one)]
    # 1,024 with some room for the template's own words.
    assert sum(map(len, texts)) <= 850
    assert "evil.example" not in " ".join(texts)


@pytest.mark.parametrize(
    ("locale", "languages"),
    [
        ("pt-BR", ["pt_BR", "pt", "en_US"]),
        ("pt_br", ["pt_BR", "pt", "en_US"]),
        ("de", ["de", "en_US"]),
        ("en-US", ["en_US", "en"]),
        ("zh-Hans", ["en_US"]),
        ("", ["en_US"]),
        ("../x", ["en_US"]),
    ],
)
def test_a_locale_is_a_language_of_the_api(locale: str, languages: list[str]) -> None:
    assert languages_of(locale) == languages
