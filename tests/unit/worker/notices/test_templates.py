"""Facts into words, with our templates and a shop's."""

import re
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch

import pytest
from billiard.exceptions import SoftTimeLimitExceeded

from models.notices import NoticeKind
from worker.errors import PermanentError, SettingsError
from worker.notices.days import day_of
from worker.notices.reasons import DECLINED, DECLINES
from worker.notices.samples import EVERY, SAMPLES
from worker.notices.template_check import check_templates, problems_of, samples_of
from worker.notices.templates import locales, render
from worker.settings import Settings

WELCOME = {**EVERY, **SAMPLES[NoticeKind.WELCOME]}
GOOD = "{% block subject %}S{% endblock %}{% block body %}B{% endblock %}"
KINDS = list(NoticeKind)
#: What a sample's codes and days are in English.
IN_ENGLISH = {
    "reason": "The p",
    "decline": "The card has expired.",
    "ends_on": "24 November 2026",
    "access_until": "28 November 2026",
}
GERMAN = {
    "de/_words.j2": """
{%- set WHY = {"past_due": "Die letzte Abbuchung ist gescheitert."} -%}
{%- macro why(reason) -%}{{ WHY.get(reason, "") }}{%- endmacro -%}
{%- macro day(iso) -%}
{{ iso[8:].lstrip("0") }}. {{ {"03": "März"}.get(iso[5:7], iso[5:7]) }} {{ iso[:4] }}
{%- endmacro -%}
""",
    "de/suspended.j2": """
{% block subject %}„{{ course }}“ ruht{% endblock %}
{% block why %}{% from "de/_words.j2" import why %}{{ why(reason) }}{% endblock %}
{% block body %}{% from "de/_words.j2" import why %}
{% call p() %}Hallo {{ name }},{% endcall %}
{% call p() %}„{{ course }}“ ruht vorerst. {{ why(reason) }}{% endcall %}
{% endblock %}
""",
    "de/trial_ending.j2": """
{% block subject %}{% from "de/_words.j2" import day %}
„{{ course }}“ kostet ab dem {{ day(ends_on) }}{% endblock %}
{% block body %}{% call p() %}Hallo {{ name }}!{% endcall %}{% endblock %}
""",
}
ENGLISH = {"the", "your", "payment", "access", "is", "did", "not", "march", "answer"}


def put(folder: Path, name: str, content: str | bytes) -> None:
    """Put a template into a shop's folder."""
    file = folder / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(content if isinstance(content, bytes) else content.encode())


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_words_whatever_facts_are_empty(kind: NoticeKind) -> None:
    for facts in samples_of(kind):
        words = render(kind, facts, "", None)
        assert words.subject.strip() == words.subject != ""
        assert len(words.text.splitlines()) > 3
        for broken in ("{{", "{%", "None", "  ", " ,", " .", "\n\n\n"):
            assert broken not in words.text


@pytest.mark.parametrize("kind", KINDS)
def test_html_and_text_say_the_same(kind: NoticeKind) -> None:
    facts = {**EVERY, **SAMPLES[kind]}
    words = render(kind, facts, "", None)
    for fact in {IN_ENGLISH.get(name, fact) for name, fact in facts.items()}:
        assert fact in words.text + words.subject
        assert fact in words.html


@pytest.mark.parametrize("decline", DECLINES)
def test_every_refusal_that_a_buyer_may_hear_of_has_words(decline: str) -> None:
    facts = {**EVERY, **SAMPLES[NoticeKind.PAYMENT_FAILED], "decline": decline}
    text = render(NoticeKind.PAYMENT_FAILED, facts, "en", None).text
    assert ("The payment was declined." in text) == (decline == DECLINED)


def test_every_month_has_its_name() -> None:
    facts = {**EVERY, **SAMPLES[NoticeKind.TRIAL_ENDING]}
    days = [datetime(2026, month, 1, tzinfo=UTC) for month in range(1, 13)]
    for day in days:
        told = {**facts, "ends_on": day_of(day)}
        subject = render(NoticeKind.TRIAL_ENDING, told, "en", None).subject
        assert subject.endswith(f"ends on 1 {day:%B} 2026")


def test_a_shop_says_all_of_it_in_its_own_language(tmp_path: Path) -> None:
    for name, content in GERMAN.items():
        put(tmp_path, name, content)
    assert problems_of(tmp_path) == []
    facts = {**EVERY, "course": "Physik", "reason": "past_due"}
    suspended = render(NoticeKind.SUSPENDED, facts, "de-AT", tmp_path)
    facts = {**EVERY, "course": "Physik", "ends_on": "2026-03-01"}
    trial = render(NoticeKind.TRIAL_ENDING, facts, "de", tmp_path)
    assert suspended.why == "Die letzte Abbuchung ist gescheitert."
    assert suspended.text.splitlines() == [
        "Hallo Ada Lovelace,",
        "",
        "„Physik“ ruht vorerst. Die letzte Abbuchung ist gescheitert.",
        "",
        "Example Courses",
    ]
    assert trial.subject == "„Physik“ kostet ab dem 1. März 2026"
    page = suspended.html.partition("<body")[2]
    said = f"{suspended.subject} {suspended.text} {page} {trial.text}"
    assert not ENGLISH & set(re.findall(r"\w+", said.lower()))


def test_a_translation_is_tried_with_every_code_and_with_new_ones(
    tmp_path: Path,
) -> None:
    for name, content in GERMAN.items():
        put(tmp_path, name, content.replace('.get(reason, "")', "[reason]"))
    assert any("_words.j2, line" in one for one in problems_of(tmp_path))


@pytest.mark.parametrize("kind", KINDS)
def test_a_mail_loads_nothing_and_tells_nobody_that_it_was_read(
    kind: NoticeKind,
) -> None:
    facts = {**EVERY, **SAMPLES[kind]}
    html = render(kind, facts, "", None).html
    for outside in ("<img", "<link", "<script", "url(", "@import", "src="):
        assert outside not in html
    links = {fact for name, fact in facts.items() if name.endswith("_url")}
    assert html.count("http") == html.count("<a ") == len(links)


@pytest.mark.parametrize(
    ("locale", "looked_for"),
    [
        ("pt-BR", ["pt-BR", "pt", "en"]),
        ("pt_br", ["pt-BR", "pt", "en"]),
        ("ZH-hans-tw", ["zh-Hans-TW", "zh-Hans", "zh", "en"]),
        ("de", ["de", "en"]),
        ("", ["en"]),
        ("../../etc", ["en"]),
        ("de\0", ["en"]),
        ("x" * 10_000, ["en"]),
    ],
)
def test_a_locale_falls_back(locale: str, looked_for: list[str]) -> None:
    assert locales(locale) == looked_for


def test_the_shops_folder_wins_file_by_file(tmp_path: Path) -> None:
    put(tmp_path, "pt/welcome.j2", GOOD)
    ours = render(NoticeKind.WELCOME, WELCOME, "en", tmp_path)
    assert ours == render(NoticeKind.WELCOME, WELCOME, "", None)
    theirs = render(NoticeKind.WELCOME, WELCOME, "pt-BR", tmp_path)
    assert theirs.subject == "S"
    assert '<html lang="pt">' in theirs.html


def test_a_layout_may_be_the_shops(tmp_path: Path) -> None:
    layout = (
        "{% macro p() %}<p>{{ caller() }}{% endmacro %}{% macro strong(w) %}{{ w }}"
    )
    layout += "{% endmacro %}{% macro button(l, a) %}{{ a }}{% endmacro %}"
    layout += "{% macro page(s, b, shop, l) %}<x>{{ b }}{% endmacro %}"
    put(tmp_path, "layout.html.j2", layout)
    words = render(NoticeKind.WELCOME, {**WELCOME, "name": "<b>"}, "en", tmp_path)
    assert words.html.startswith("<x><p>Hello &lt;b&gt;,")
    assert (
        words.text
        == render(NoticeKind.WELCOME, {**WELCOME, "name": "<b>"}, "en", None).text
    )


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("en/welcome.j2", f"\n{GOOD}\n{{{{ x", "welcome.j2, line 3: unexpected end"),
        (
            "en/welcome.j2",
            GOOD.replace("B", "\n{{ nme }}"),
            "line 2: 'nme' is undefined",
        ),
        (
            "en/welcome.j2",
            GOOD.replace("B", "\n\n{{ strong(nme) }}"),
            "line 3: 'nme' is",
        ),
        (
            "en/welcome.j2",
            GOOD.replace("B", "{{ name.__class__ }}"),
            "line 1: access to",
        ),
        ("en/welcome.j2", GOOD.replace("B", "{{ 1 + name }}"), "line 1: TypeError"),
        ("en/welcome.j2", GOOD.replace("body", "bdy"), "the block body is missing"),
        ("en/welcome.j2", GOOD.replace("S", " "), "the subject is empty"),
        ("en/welcome.j2", b"\xff", "en/welcome.j2: not UTF-8"),
        (
            "layout.text.j2",
            "{% macro p() %}{% endmacro %}",
            "the macro strong is missing",
        ),
        ("layout.html.j2", "{% macro %}", "layout.html.j2, line 1"),
    ],
)
def test_a_mistake_is_a_sentence_with_its_place_and_no_mail(
    tmp_path: Path, name: str, content: str | bytes, problem: str
) -> None:
    put(tmp_path, name, content)
    with pytest.raises(PermanentError) as told:
        render(NoticeKind.WELCOME, WELCOME, "en", tmp_path)
    assert problem in str(told.value)
    assert name.rpartition("/")[2] in str(told.value)
    assert any(problem in one for one in problems_of(tmp_path))


def test_a_mistake_is_told_without_what_a_stranger_wrote(tmp_path: Path) -> None:
    put(tmp_path, "en/welcome.j2", GOOD.replace("B", "{{ {'Ada': 1}[name] }}"))
    with pytest.raises(PermanentError) as told:
        render(NoticeKind.WELCOME, {**WELCOME, "name": "Canary"}, "en", tmp_path)
    assert str(told.value).endswith("welcome.j2, line 1: UndefinedError")


def test_the_soft_limit_is_no_mistake_of_a_template(tmp_path: Path) -> None:
    put(tmp_path, "en/welcome.j2", GOOD)
    late = patch("worker.notices.templates.one_line", side_effect=SoftTimeLimitExceeded)
    with late, pytest.raises(SoftTimeLimitExceeded):
        render(NoticeKind.WELCOME, WELCOME, "en", tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("en/welcom.j2", GOOD, "welcom.j2 is never read"),
        ("layot.html.j2", GOOD, "layot.html.j2 is never read"),
        ("PT-br/welcome.j2", GOOD, "named as in pt-BR"),
        ("de/welcome.j2", f"{GOOD}\nlost", "it stands outside the blocks"),
        ("de/ended.j2", GOOD.replace("B", "{{ amount }}"), "'amount' is undefined"),
    ],
)
def test_what_nothing_would_ever_read_is_told(
    tmp_path: Path, name: str, content: str, problem: str
) -> None:
    put(tmp_path, name, content)
    assert [one for one in problems_of(tmp_path) if problem in one]


def test_a_good_folder_has_no_problems(tmp_path: Path) -> None:
    put(tmp_path, "_footer.j2", "Bye")
    put(tmp_path, "de/welcome.j2", GOOD.replace("B", "{% include '_footer.j2' %}"))
    assert problems_of(tmp_path) == []


def test_a_process_does_not_start_on_a_mistake(tmp_path: Path) -> None:
    put(tmp_path, "en/ended.j2", "{% block")
    with pytest.raises(SettingsError, match=r"ended\.j2, line 1"):
        check_templates(Settings.model_construct(templates_folder=tmp_path))
    with pytest.raises(SettingsError, match="there is no folder"):
        check_templates(Settings.model_construct(templates_folder=tmp_path / "none"))


def test_what_was_checked_is_what_is_sent(tmp_path: Path) -> None:
    put(tmp_path, "en/welcome.j2", GOOD)
    assert problems_of(tmp_path) == []
    put(tmp_path, "en/welcome.j2", "{% block")
    assert render(NoticeKind.WELCOME, WELCOME, "en", tmp_path).subject == "S"
