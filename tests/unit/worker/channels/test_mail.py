"""What a mail server's words mean, and what of them may be shown."""

import smtplib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.channels.errors import AddressRefusedError, RefusesUsError
from worker.channels.mail import dotted, refusal_of
from worker.channels.replies import LONGEST_WORDS, clean_words
from worker.channels.smtp import Route
from worker.errors import PermanentError, TransientError


@pytest.mark.parametrize(
    ("stage", "reply", "kind"),
    [
        ("RCPT", (450, b"4.2.1 words"), TransientError),
        ("RCPT", (550, b"5.0.0 words"), PermanentError),
        ("RCPT", (550, b"5.1.1 words"), AddressRefusedError),
        ("the end of DATA", (550, b"5.1.1 words"), AddressRefusedError),
        # The recipient is not named yet.
        ("MAIL", (550, b"5.1.1 words"), PermanentError),
        ("the end of DATA", (535, b"5.7.8 words"), RefusesUsError),
    ],
)
def test_a_refusal_tells_the_stage_and_the_words(
    stage: str, reply: tuple[int, bytes], kind: type[Exception]
) -> None:
    error = refusal_of(stage, reply, ["ada@example.com"])
    assert type(error) is kind
    assert str(error) == f"{stage}: {reply[0]} {reply[1].decode()}"


@pytest.mark.parametrize(
    "words",
    [
        b"<ada.king@example.com>: no such user",
        b"Ada.King@EXAMPLE.com: no such user",
        b"user ada.king unknown",
        b"forwarded to other@somewhere.example; rejected",
        b'"odd local"@example.com rejected',
        b"ADA KING is not here",
    ],
)
def test_no_address_is_shown(words: bytes) -> None:
    shown = clean_words(words, ["ada.king@example.com", "ada.king", "Ada King"])
    assert "@" not in shown
    assert "king" not in shown.lower()


def test_a_short_name_leaves_the_words_readable() -> None:
    assert clean_words(b"a later attempt, A. A", ["a@b.c", "a"]) == (
        "… later attempt, …. …"
    )


@given(st.binary(max_size=2000))
def test_any_words_become_one_short_line(words: bytes) -> None:
    shown = clean_words(words, ["ada@example.com"])
    assert len(shown) <= LONGEST_WORDS
    assert shown.isprintable()
    assert "@" not in shown


@given(st.lists(st.text(alphabet=".ab", max_size=5), max_size=5))
def test_dots_are_stuffed_as_the_standard_library_does(lines: list[str]) -> None:
    content = "\r\n".join(lines).encode()
    stuffed = smtplib._quote_periods(content)  # type: ignore[attr-defined]
    end = b".\r\n" if stuffed.endswith(b"\r\n") else b"\r\n.\r\n"
    assert dotted(content) == stuffed + end


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail", Route("smtp", "mail", 25)),
        ("smtps://mail", Route("smtps", "mail", 465)),
        ("smtp+starttls://mail", Route("smtp+starttls", "mail", 587)),
        (
            "smtps://a%40b:p%2Fw@mail:99",
            Route("smtps", "mail", 99, "a@b", "p/w"),
        ),
    ],
)
def test_the_address_of_the_server_is_taken_apart(url: str, expected: Route) -> None:
    assert Route.of(url) == expected


def test_a_route_does_not_show_its_password() -> None:
    assert "secret" not in repr(Route.of("smtp://user:secret@mail"))
