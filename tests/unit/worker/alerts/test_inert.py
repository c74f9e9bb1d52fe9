"""What strangers may have written is shown as it is and does nothing."""

import pytest

from worker.alerts.inert import MOST_BODY_CHARS, MOST_TITLE_CHARS, inert, inert_line

JOINER = "\N{WORD JOINER}"
HARMLESS = [
    "Mail has been refused for 31 min.",
    "Line one\nLine two",
    "12 < 13 and 14 > 13; 3 @ 5.00 EUR",
    "ÄÖÜ 学 🎓 *not much* of a `mark-up`",
    "Runbook: https://example.com/docs/runbooks/dead-letters.md",
]
HOSTILE = [
    ("@everyone", f"@{JOINER}everyone"),
    ("a@here.example", f"a@{JOINER}here.example"),
    ("<!channel>", f"<{JOINER}!channel>"),
    ("<@U123>", f"<{JOINER}@{JOINER}U123>"),
    ("<script>x</script>", f"<{JOINER}script>x<{JOINER}/script>"),
    ("[pay](https://evil.example)", f"[pay]{JOINER}(https://evil.example)"),
    ("one\rtwo\r\nthree\u2028four", "one\ntwo\nthree\nfour"),
    ("\x1b[31mred\0\x07", "\\u001b[31mred\\u0000\\u0007"),
    ("evil\u202egpj.exe", "evil\\u202egpj.exe"),
]


@pytest.mark.parametrize("text", HARMLESS)
def test_what_does_nothing_stays_as_it_is(text: str) -> None:
    assert inert(text) == text


@pytest.mark.parametrize(("given", "shown"), HOSTILE)
def test_what_would_do_something_is_broken_up(given: str, shown: str) -> None:
    assert inert(given) == shown


def test_a_title_is_one_line() -> None:
    assert inert_line("Mail is refused\r\nBcc: ada@example.com") == (
        f"Mail is refused Bcc: ada@{JOINER}example.com"
    )


def test_what_is_too_long_is_cut_and_says_so() -> None:
    body, title = inert("<" * 10_000), inert_line("x" * 10_000)
    assert (len(body), len(title)) == (MOST_BODY_CHARS, MOST_TITLE_CHARS)
    assert body.endswith("…")
    assert title.endswith("…")
