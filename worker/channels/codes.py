"""What a refusal means, by its code: the one table for every far side.

Only codes, never words: those differ from server to server. What the table does not
name goes by its class, and what is no code at all may pass by itself, for a broken
server is mended some day.
Sources: RFC 5321 and 7504 (replies), RFC 3463, 7372 and 7505 (enhanced codes), RFC 9110
(HTTP), https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from worker.channels.errors import AddressRefusedError, RefusesUsError
from worker.errors import PaddlewheelError, PermanentError, TransientError


class Refusal(StrEnum):
    """What is to be done with what was refused."""

    #: May pass by itself: tried again, with growing waits, for three days.
    LATER = "later"
    #: Will not pass: a dead letter with the far side's words.
    NEVER = "never"
    #: Nobody is there, for good: a dead letter, and nothing more goes to the address.
    NOBODY = "nobody there"
    #: About us, whatever the message. No message dies of it: a person has to mend it.
    US = "about us"


class Side(StrEnum):
    """Whose codes they are."""

    SMTP = "SMTP"
    ENHANCED = "SMTP, enhanced"
    HTTP = "HTTP"
    WHATSAPP = "WhatsApp"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    side: Side
    #: Codes that mean the same; ``4xx`` is each of its class that is not named.
    codes: tuple[str, ...]
    refusal: Refusal
    meaning: str


def _rows(side: Side, *lines: tuple[str, Refusal, str]) -> Iterable[Row]:
    return (
        Row(side, tuple(codes.split()), refusal, meaning)
        for codes, refusal, meaning in lines
    )


LATER, NEVER, NOBODY, US = Refusal

TABLE: tuple[Row, ...] = (
    *_rows(
        Side.ENHANCED,
        ("5.1.1 5.1.2 5.1.3", NOBODY, "no such mailbox, no such domain, no address"),
        ("5.1.6 5.1.10", NOBODY, "moved and gone; a domain that takes no mail"),
        ("5.2.1", NOBODY, "the mailbox is closed"),
        ("5.1.7 5.1.8 5.7.27", US, "`MAIL_FROM` is none that mail may come from"),
        (
            "5.7.8 5.7.9 5.7.11 5.7.14",
            US,
            "the password of `SMTP_URL`, or how it is sent",
        ),
        ("5.7.20 5.7.21 5.7.22", US, "the sender's domain: DKIM"),
        ("5.7.23 5.7.24 5.7.25 5.7.26", US, "the sender's domain: SPF, DNS, DMARC"),
    ),
    *_rows(
        Side.SMTP,
        ("521", US, "the host of `SMTP_URL` takes no mail"),
        ("530 534 535 538", US, "the server wants a password, another one, or TLS"),
        ("556", NOBODY, "the domain takes no mail"),
        ("4xx", LATER, "busy, greylisting, mailbox full, too many mails"),
        ("5xx", NEVER, "refused: content, size, policy, a mailbox full for good"),
    ),
    *_rows(
        Side.WHATSAPP,
        ("131026", NOBODY, "the number is not on WhatsApp"),
        ("131050", NOBODY, "the person wants no more such messages"),
        ("0 3 10 190 131005", US, "`WHATSAPP_TOKEN` is wrong, over, or may not send"),
        (
            "368 131031 131042 131045",
            US,
            "the account: blocked, unpaid, not registered",
        ),
        (
            "33 133010",
            US,
            "`WHATSAPP_PHONE_NUMBER_ID`: no such number, or not registered",
        ),
        ("132000 132001 132007", US, "`WHATSAPP_TEMPLATE`: not there, or other"),
        ("132015 132016", US, "`WHATSAPP_TEMPLATE` is paused or disabled"),
        (
            "100 131008 131009 131047 132005 132012",
            NEVER,
            "refused: something in this message",
        ),
        ("1 2 131000 131016 131057", LATER, "WhatsApp has trouble of its own"),
        ("4 80007 130429 131048 131056", LATER, "too many messages"),
    ),
    *_rows(
        Side.HTTP,
        ("401 402 403 407", US, "the token or the secret, the account, the proxy"),
        ("404 405 410 3xx", US, "the address of the API; redirects are not followed"),
        ("408 409 423 425 429", LATER, "slow down, come again"),
        ("5xx", LATER, "trouble of its own"),
        ("4xx", NEVER, "refused: this message"),
    ),
)
#: RFC 3463, section 2.
ENHANCED = re.compile(rb"([245]\.\d{1,3}\.\d{1,3})(?!\S)")
_BY_CODE = {(row.side, code): row.refusal for row in TABLE for code in row.codes}


def of_reply(code: int, words: bytes, *, named: bool) -> Refusal:
    """Sort a reply of a mail server.

    Args:
        code: The reply's.
        words: What follows it; an enhanced code, if there is one, comes first.
        named: Whether the recipient had been named: before that nobody is refused.
    """
    found = ENHANCED.match(words.strip())
    # RFC 2034, section 4: an enhanced code of another class than the reply's is none.
    exact = found.group(1).decode() if found else ""
    enhanced = exact if exact[:1] == str(code)[:1] else ""
    refusal = _BY_CODE.get((Side.ENHANCED, enhanced)) or _of(Side.SMTP, code)
    return NEVER if refusal is NOBODY and not named else refusal


def of_status(status: int) -> Refusal:
    """Sort the status of an HTTP answer that is not 2xx."""
    return _of(Side.HTTP, status)


def of_whatsapp(status: int, code: int | None) -> Refusal:
    """Sort an answer of WhatsApp: by its own code where that says something."""
    return _BY_CODE.get((Side.WHATSAPP, str(code))) or of_status(status)


def error_of(
    refusal: Refusal, sentence: str, wait_at_least: timedelta = timedelta()
) -> PaddlewheelError:
    """Return the error of the channels' contract for a refusal.

    Args:
        refusal: Which one.
        sentence: What operators read; without anybody's name or address.
        wait_at_least: How long the far side asked to be left alone.
    """
    if refusal is LATER:
        return TransientError(sentence, wait_at_least)
    if refusal is US:
        return RefusesUsError(sentence, wait_at_least)
    return (AddressRefusedError if refusal is NOBODY else PermanentError)(sentence)


def _of(side: Side, code: int) -> Refusal:
    by_class = _BY_CODE.get((side, f"{code // 100}xx"), LATER)
    return _BY_CODE.get((side, str(code)), by_class)
