"""What each code of a far side means, as its sources say it; row by row."""

from datetime import timedelta

import pytest

from worker.channels.codes import (
    TABLE,
    Refusal,
    Side,
    error_of,
    of_reply,
    of_status,
    of_whatsapp,
)
from worker.channels.errors import AddressRefusedError, RefusesUsError, UnreachableError
from worker.errors import OutageError, PermanentError, TransientError
from worker.failures import Verdict, failure_of

LATER, NEVER, NOBODY, US = Refusal

#: Replies as servers give them, after RCPT.
REPLIES = [
    ("421 4.7.0 Try again later, closing connection", LATER),
    ("450 4.2.0 Greylisted", LATER),
    ("450 4.1.1 unverified address", LATER),
    ("451 4.7.1 Please try again later", LATER),
    ("452 4.2.2 mailbox full", LATER),
    ("452 4.5.3 too many recipients", LATER),
    ("454 4.7.0 TLS not available", LATER),
    ("499", LATER),
    ("500 5.5.2 Syntax error", NEVER),
    ("501 5.1.3 Bad recipient address syntax", NOBODY),
    ("521 this host takes no mail", US),
    ("530 5.7.0 Authentication required", US),
    ("530 5.7.0 Must issue a STARTTLS command first", US),
    ("534 5.7.9 Application-specific password required", US),
    ("534 5.7.14 Please log in via your web browser", US),
    ("535 5.7.8 Authentication credentials invalid", US),
    ("538 5.7.11 Encryption required", US),
    ("550", NEVER),
    ("550 mailbox unavailable", NEVER),
    ("550 5.1.0 Address rejected", NEVER),
    ("550 5.1.1 The account does not exist", NOBODY),
    ("550 5.1.1", NOBODY),
    ("550 5.1.10 null MX", NOBODY),
    ("550 5.1.12 no such code", NEVER),
    ("550 5.1.2 Host unknown", NOBODY),
    ("550 5.1.6 Mailbox has moved", NOBODY),
    ("550 5.1.7 Bad sender's mailbox address", US),
    ("550 5.1.8 Sender's domain not found", US),
    ("550 5.2.1 The account is disabled", NOBODY),
    ("550 5.4.1 Access denied", NEVER),
    ("550 5.7.1 Unsolicited mail", NEVER),
    *((f"550 5.7.{n} DKIM, SPF, DMARC, reverse DNS", US) for n in range(20, 28)),
    # The enhanced code's class is not the reply's: the reply counts.
    ("550 4.2.2 over quota", NEVER),
    ("450 5.1.1 verification failed", LATER),
    # Not at the head of the words: part of a sentence.
    ("550 see 5.1.1 for that", NEVER),
    ("550 5.1.1x no code", NEVER),
    ("552 5.2.2 mailbox full", NEVER),
    ("552 5.3.4 message too big", NEVER),
    ("553 5.1.3 invalid address", NOBODY),
    ("554 5.7.1 Relay access denied", NEVER),
    ("555 parameters not recognized", NEVER),
    ("556 domain takes no mail", NOBODY),
    ("556 5.1.10 domain takes no mail", NOBODY),
    ("599", NEVER),
    # No replies of SMTP: a broken server may be mended.
    *((code, LATER) for code in ("-1", "0", "100", "354", "999")),
]


@pytest.mark.parametrize(("reply", "refusal"), REPLIES)
def test_a_reply_after_the_recipient_was_named(reply: str, refusal: Refusal) -> None:
    code, _, words = reply.partition(" ")
    assert of_reply(int(code), words.encode(), named=True) is refusal


def test_before_the_recipient_is_named_no_address_is_refused() -> None:
    refused = {
        of_reply(550, f"5.1.{detail} words".encode(), named=False)
        for detail in (1, 2, 3, 6, 10)
    }
    assert refused == {NEVER}
    assert of_reply(556, b"", named=False) is NEVER


@pytest.mark.parametrize(
    ("statuses", "refusal"),
    [
        ([408, 409, 423, 425, 429, 500, 502, 503, 504, 507, 529], LATER),
        ([400, 406, 413, 414, 415, 418, 422, 431, 451], NEVER),
        ([401, 402, 403, 404, 405, 407, 410], US),
        ([301, 302, 303, 307, 308], US),
        ([0, 100, 199, 600, 999], LATER),
    ],
)
def test_a_status_of_http(statuses: list[int], refusal: Refusal) -> None:
    assert {status: of_status(status) for status in statuses} == dict.fromkeys(
        statuses, refusal
    )


@pytest.mark.parametrize(
    ("status", "codes", "refusal"),
    [
        (400, [131026, 131050], NOBODY),
        (400, [368, 131031, 131042, 131045, 133010], US),
        (400, [132000, 132001, 132007, 132015, 132016], US),
        (401, [0, 3, 10, 190, 131005], US),
        (400, [1, 2, 4, 80007, 130429, 131000, 131016], LATER),
        (400, [131048, 131056, 131057], LATER),
        (400, [100, 131008, 131009, 131047, 132005, 132012], NEVER),
        # What has no row goes by its status.
        (400, [999999], NEVER),
        (500, [999999, None], LATER),
        (400, [None], NEVER),
        (401, [None], US),
    ],
)
def test_a_code_of_whatsapp(
    status: int, codes: list[int | None], refusal: Refusal
) -> None:
    assert {of_whatsapp(status, code) for code in codes} == {refusal}


def test_no_code_stands_in_two_rows() -> None:
    codes = [(row.side, code) for row in TABLE for code in row.codes]
    assert sorted(codes) == sorted(set(codes))
    assert {row.side for row in TABLE} == set(Side)


@pytest.mark.parametrize(
    ("refusal", "kind", "verdict"),
    [
        (LATER, TransientError, Verdict.RETRY),
        (NEVER, PermanentError, Verdict.PERMANENT),
        (NOBODY, AddressRefusedError, Verdict.PERMANENT),
        (US, RefusesUsError, Verdict.MACHINERY),
    ],
)
def test_only_what_is_about_us_never_kills(
    refusal: Refusal, kind: type[Exception], verdict: Verdict
) -> None:
    error = error_of(refusal, "RCPT: words", timedelta(seconds=7))
    assert type(error) is kind
    assert failure_of(error).verdict is verdict
    assert str(error) == "RCPT: words"


def test_what_is_about_us_ends_the_run_and_a_pause_is_kept() -> None:
    error = error_of(US, "AUTH: 535", timedelta(seconds=7))
    assert isinstance(error, UnreachableError)
    assert isinstance(error, OutageError)
    assert error.wait_at_least == timedelta(seconds=7)
