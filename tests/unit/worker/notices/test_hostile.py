"""Every template with whatever strangers write, read back from the wire."""

import re
from collections.abc import Mapping
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.notices import NoticeKind
from worker.channels.letter import Words, write_letter
from worker.errors import PermanentError
from worker.notices.plain import ADDRESS, LONGEST_FACT, OWN, plain_facts
from worker.notices.samples import EVERY, SAMPLES
from worker.notices.templates import render

SENDER = "Course Shop <courses@example.com>"
HEADERS = [
    *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted"),
    *("MIME-Version", "Content-Type"),
]
HOSTILE = {
    "header": "Ada\r\nBcc: eve@evil.example\r\n\r\nbody",
    "lines": "a\rb\nc\x0bd\x0ce\x1cf\x85g\u2028h\u2029i",
    "nul": "a\0b\x08c\x1b[31md\x7f",
    "script": "</p><script>alert(1)</script><img src=x onerror=alert(1)>",
    "attribute": "\"'` onmouseover=\"alert(1)\" style='x' <b",
    "comment": "--><!-- ]]></title></style><style>*{display:none}</style>",
    "entity": "&lt;script&gt; &amp; &#60;b&#62; &nbsp",
    "turned": "Ada \u202egnp.exe\u202c \u2066x\u2069 \u200fy",
    "unseen": "A\u200bd\u200ca\u200d\u2060\ufeff\u00ad\u180e",
    "long": "x" * 10_000,
    "long words": "é 中 " * 3_000,
    "template": "{{ 7*7 }}{% for x in range(9) %}x{% endfor %}{# x #}",
    "format": "%s %(name)s {0} {name} ${name} \\0 \\g<0>",
    "encoded": "=?utf-8?q?=0D=0ABcc:_eve@evil.example?= =?utf-8?b?DQpCY2M6IGU=?=",
    "emoji": "👩‍👩‍👧 🏳️‍🌈 \U0001d4d0\U0001d4ed\U0001d4ea",
    "marks": "Z" + "\u0301\u0327\u0489" * 100 + "a",
    "surrogate": "a\ud800b",
    "address": "https://evil.example/login?next=//x.example",
    "host": "www.evil.example or evil.com/pay, 192.0.2.7/x",
    "mailbox": "eve@evil.example <mailto:eve@evil.example>",
    "schemes": "javascript:alert(1) data:text/html,x tel:+123 file://x ftp://x",
    "wide": "evil\u3002example www\uff0eevil\uff0eexample \uff48ttps://evil.example",
    "blank": " \t\r\n",
}
#: What mail programs make links of; of dots also those that IDNA takes for one.
LINKS = re.compile(
    r"://|(?<=\w)@(?=\w)|www\.\w|(?:mailto|tel|javascript|data|file|ftp):[^\s,]"
    r"|\w[.\u3002\uff0e\uff61](?=[A-Za-z])|\w\.(?=[^\W\d_])|\d\.\d+\.\d"
)
#: What no line may hold: controls, and what turns writing around or is not seen.
UNSEEN = re.compile(
    "[\0-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\u00ad\ud800-\udfff]"
)
KINDS = list(NoticeKind)


class Shape(HTMLParser):
    """The elements of a page, and its words apart from them."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, list[tuple[str, str | None]]]] = []
        self.words = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, attrs))
        self.words += "\n" if tag == "p" else ""

    def handle_endtag(self, tag: str) -> None:
        self.elements.append((f"/{tag}", []))

    def handle_comment(self, data: str) -> None:
        self.elements.append(("!", [("comment", data)]))

    def handle_data(self, data: str) -> None:
        if self.elements and self.elements[-1][0] != "style":
            self.words += data


def facts_of(kind: NoticeKind, text: str) -> dict[str, str]:
    """Return a kind's facts, a text instead of each; not of addresses on the web."""
    facts = {**EVERY, **SAMPLES[kind]}
    return {k: v if k.endswith(ADDRESS) else text for k, v in facts.items()}


def written(kind: NoticeKind, facts: Mapping[str, str], name: str) -> EmailMessage:
    """Write a mail, and read it as its recipient's program does."""
    words = render(kind, facts, "en", None)
    letter = write_letter(SENDER, (name, "a@b.example"), "<1@example.com>", words)
    return message_from_bytes(letter.content, policy=default)


def part_of(mail: EmailMessage, kind: str) -> str:
    """Return its text or its HTML."""
    part = mail.get_body((kind,))
    assert part is not None
    content = part.get_content()
    assert isinstance(content, str)
    return content.replace("\r\n", "\n")


def check(kind: NoticeKind, text: str) -> None:
    """Whatever the text: the headers of a mail, the elements of its sample."""
    mail = written(kind, facts_of(kind, text), text)
    assert mail.keys() == HEADERS
    assert not mail.defects
    assert [one.addr_spec for one in mail["To"].addresses] == ["a@b.example"]
    assert not UNSEEN.search(mail["Subject"])
    assert "\n" not in mail["Subject"]
    assert [part.get_content_type() for part in mail.walk()] == [
        *("multipart/alternative", "text/plain", "text/html")
    ]
    model = model_of(kind, text)
    page = Shape(part_of(mail, "html"))
    assert page.elements == Shape(model.html).elements
    assert not UNSEEN.search(page.words)
    plain = part_of(mail, "plain")
    assert not UNSEEN.search(plain)
    assert len(plain.splitlines()) == len(model.text.splitlines())
    assert max(map(len, plain.splitlines())) < 4 * LONGEST_FACT


def model_of(kind: NoticeKind, text: str) -> Words:
    """Write the same mail with harmless words; without those facts that end empty."""
    facts = facts_of(kind, text)
    harmless = {
        name: facts[name] if name.endswith(ADDRESS) else "x" if plain else ""
        for name, plain in plain_facts(facts).items()
    }
    return render(kind, harmless, "en", None)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("kind", KINDS)
def test_what_a_stranger_writes_stays_words(kind: NoticeKind, text: str) -> None:
    check(kind, text)


PIECES = (
    *(
        "=?",
        "?=",
        "utf-8",
        "?q?",
        "=0D=0A",
        "Bcc: x@y.z",
        "://",
        "www.",
        ".com",
        "</p>",
    ),
    *("<script>", "{{", "}}", "{%", "%}", "&#", "-->", "javascript:"),
    *'\r\n\t\0 ,;:<>"()@\\=?.éa中\u202e\u2028\u200d\xad\ud800\u0301',
)
NAMES = st.one_of(
    st.text(max_size=300),
    st.lists(st.sampled_from(PIECES), max_size=40).map("".join),
)


@given(kind=st.sampled_from(KINDS), text=NAMES)
def test_whatever_a_stranger_writes_stays_words(kind: NoticeKind, text: str) -> None:
    check(kind, text)


@given(text=NAMES)
def test_a_name_never_becomes_a_link(text: str) -> None:
    facts = {**EVERY, **SAMPLES[NoticeKind.WELCOME], "name": text}
    words = render(NoticeKind.WELCOME, facts, "en", None)
    greeting = words.text.partition("\n")[0]
    assert not LINKS.search(greeting)
    assert greeting in Shape(words.html).words


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("kind", KINDS)
def test_no_fact_of_a_stranger_becomes_a_link(kind: NoticeKind, text: str) -> None:
    samples = {**EVERY, **SAMPLES[kind]}
    facts = {
        k: v if k in OWN else text
        for k, v in samples.items()
        if not k.endswith(ADDRESS)
    }
    none = {k: "" for k in samples if k.endswith(ADDRESS)}
    words = render(kind, {**facts, **none}, "en", None)
    for shown in (words.subject, words.text, Shape(words.html).words):
        assert not LINKS.search(shown)


def test_names_that_people_have_stay_as_they_are() -> None:
    for name in ("Ada Lovelace", "Jean-Luc O’Neill", "Dr. Müller", "李小龙", "שרה"):
        facts = {**EVERY, **SAMPLES[NoticeKind.WELCOME], "name": name}
        words = render(NoticeKind.WELCOME, facts, "en", None)
        assert words.text.startswith(f"Hello {name},\n")


def test_a_template_in_a_name_is_shown_and_not_run() -> None:
    facts = {**EVERY, **SAMPLES[NoticeKind.WELCOME], "name": "{{7*7}}"}
    words = render(NoticeKind.WELCOME, facts, "en", None)
    assert "Hello {{7*7}}," in words.text
    assert "Hello {{7*7}}," in words.html


def test_the_shops_own_titles_stay_as_they_are() -> None:
    facts = {**EVERY, "course": "ASP.NET & <Node.js>"}
    words = render(NoticeKind.WELCOME, facts, "en", None)
    assert words.subject == "You have access to ASP.NET & <Node.js>"
    assert "<strong>ASP.NET &amp; &lt;Node.js&gt;</strong>" in words.html


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "//evil.example",
        "https://",
        "https://shop.example@evil.example/",
        'https://x.example/" onclick="x',
        "https://x.example/\r\nBcc: e@f.g",
        "https://[x/",
        "https://x.example/" + "x" * 3_000,
    ],
)
def test_what_is_no_address_on_the_web_is_no_link(url: str) -> None:
    facts = {**EVERY, **SAMPLES[NoticeKind.ORDER_CONFIRMATION], "invoice_url": url}
    with pytest.raises(PermanentError, match="invoice_url is no address on the web"):
        render(NoticeKind.ORDER_CONFIRMATION, facts, "en", None)


def test_an_address_keeps_every_letter() -> None:
    url = "https://pay.example/?a=1&b='%20'&c=<x>".replace("<x>", "%3Cx%3E")
    facts = {**EVERY, **SAMPLES[NoticeKind.CHECKOUT_LEFT_OPEN], "checkout_url": url}
    words = render(NoticeKind.CHECKOUT_LEFT_OPEN, facts, "en", None)
    links = [dict(a)["href"] for tag, a in Shape(words.html).elements if tag == "a"]
    assert links == [url]
    assert f"\n{url}\n" in words.text
