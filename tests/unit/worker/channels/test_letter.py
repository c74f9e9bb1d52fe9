"""Mails built from whatever people call themselves."""

import re
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from worker.channels.letter import (
    LONGEST_NAME,
    Letter,
    Words,
    address_of,
    message_id_of,
    shown,
    write_letter,
)
from worker.errors import PermanentError

SENDER = "Course Shop <courses@example.com>"
HEADERS = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Auto-Submitted",
    "MIME-Version",
    "Content-Type",
]
#: What names that attack are made of.
PIECES = (
    *("=?", "?=", "utf-8", "?q?", "?b?", "=0D=0A", "DQpCY2M6IHhAeS56", "Bcc: x@y.z"),
    *'\r\n\t\0 ,;:<>"()@\\=?.éa中\u202e\u2028\u200d\xad\ud800',
)
NAMES = st.one_of(
    st.text(max_size=300),
    st.lists(st.sampled_from(PIECES), max_size=40).map("".join),
)


def letter(name: str | None, title: str = "Python", to: str = "a@b.example") -> Letter:
    """Write a welcome."""
    words = Words(f"You have access to {title}", "Hello", "<p>Hello</p>")
    return write_letter(SENDER, (name, to), "<1@example.com>", words)


def parsed(written: Letter) -> EmailMessage:
    """Read a letter as its recipient's program does."""
    return message_from_bytes(written.content, policy=default)


@given(name=NAMES, title=NAMES)
@example(name="Ada\r\nBcc: eve@example.com", title="x\n\nbody")
@example(name="Ada\rBcc: eve@example.com\r", title="\x85\x0b\x0c\x1c\u2029Bcc: e@f.g")
@example(name="x" * 10_000, title="y " * 5_000)
@example(name="é" * 10_000, title="中" * 5_000)
@example(name="\u202eada", title="\u2066x")
@example(name='"; <eve@example.com>, "', title="=?utf-8?q?=0D=0ABcc:_e@f.g?=")
@example(name="=?utf-8?q?=0D=0ABcc:_e@f.g?=", title=".")
def test_no_name_and_no_title_adds_a_header_or_a_recipient(
    name: str, title: str
) -> None:
    written = letter(name, title)
    message = parsed(written)
    [to] = message["To"].addresses
    assert message.keys() == HEADERS
    assert (to.username, to.domain) == ("a", "b.example")
    assert message["From"].addresses[0].addr_spec == "courses@example.com"
    assert message["Message-ID"] == "<1@example.com>"
    assert message.get_content_type() == "multipart/alternative"
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", written.content)
    assert max(map(len, written.content.split(b"\r\n"))) <= 998


@given(name=st.text(max_size=200))
def test_a_shown_name_is_one_short_line_from_left_to_right(name: str) -> None:
    text = shown(name)
    assert len(text) <= LONGEST_NAME
    assert text.split() == text.split(" ") or text == ""
    assert not set(text) & set("\r\n\0\u202e\u202d\u2066\u2028\x85")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Ada Lovelace", "Ada Lovelace"),
        ("  Ada \t Lovelace\n", "Ada Lovelace"),
        ("محمد", "محمد"),
        ("Zoë 中村", "Zoë 中村"),
        (None, ""),
        ("\u202e\u200b", ""),
    ],
)
def test_names_of_people_stay_as_they_are(name: str | None, expected: str) -> None:
    assert shown(name) == expected


def test_only_the_beginning_of_a_book_is_looked_at() -> None:
    hidden = "\u202e" * 4 * LONGEST_NAME
    assert shown(f"Ada{hidden}Lovelace") == "Ada"


@pytest.mark.parametrize("name", ["Ada Lovelace", "O'Neil, Jr.", "Zoë 中村", "a.b@c"])
def test_a_name_is_read_as_it_was_written(name: str) -> None:
    assert parsed(letter(name))["To"].addresses[0].display_name == name


@pytest.mark.parametrize(
    ("given_address", "expected"),
    [
        ("ada@example.com", "ada@example.com"),
        (" Ada+x@example.com ", "Ada+x@example.com"),
        ("o'neil@example.com", "o'neil@example.com"),
        ("ada@münchen.example", "ada@xn--mnchen-3ya.example"),
        ("žofie@example.com", "žofie@example.com"),
    ],
)
def test_addresses_of_people_can_be_sent_to(given_address: str, expected: str) -> None:
    assert address_of(given_address) == expected


@pytest.mark.parametrize(
    "hostile",
    [
        "",
        "ada",
        "@example.com",
        "ada@",
        "ada@example.com, eve@example.com",
        "ada@example.com\r\nBcc: eve@example.com",
        "ada\r\n@example.com",
        "ada@exa mple.com",
        "<ada@example.com>",
        "ada@example.com>\r\nDATA",
        '"a b"@example.com',
        "eve@example.com@ada.example",
        f"{'x' * 65}@example.com",
        f"ada@{'x' * 64}é.example",
        f"ada@{'x.' * 130}example",
        "ada@[127.0.0.1]",
        "ada@-example.com-",
        "a..b@example.com",
        "ada@example..com",
    ],
)
def test_an_address_that_is_none_is_refused_without_being_quoted(hostile: str) -> None:
    with pytest.raises(PermanentError) as refused:
        address_of(hostile)
    assert "example" not in str(refused.value)


@given(st.text(max_size=100))
def test_an_address_is_sendable_or_refused_and_nothing_else(text: str) -> None:
    try:
        address = address_of(f"{text}@example.com")
    except PermanentError:
        return
    assert not re.search(r"[\s<>,;:\x00-\x1f]", address)
    assert len(parsed(letter(None, to=address))["To"].addresses) == 1


def test_the_message_id_depends_on_the_key_alone() -> None:
    first = message_id_of("welcome:1", SENDER)
    assert first == message_id_of("welcome:1", "courses@example.com")
    assert first != message_id_of("welcome:2", SENDER)
    assert re.fullmatch(r"<[0-9a-f]{32}@example\.com>", first)
