"""Builds a mail from names that strangers chose.

A learner's name comes from a checkout form: it may hold line breaks (header
injection), writing that turns around (a forged sender) or ten thousand characters.
What cannot be shown in a header is taken out before the standard library sees it.
"""

import base64
import hashlib
import re
import unicodedata
from binascii import b2a_qp
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime, parseaddr

from worker.errors import PermanentError

#: Longer names are cut: some servers refuse long headers, and nobody reads them.
LONGEST_NAME = 80
LONGEST_SUBJECT = 150
#: RFC 5321, 4.5.3.1: 64 for the local part, 255 for the domain, 254 in all.
LONGEST_ADDRESS = 254
LONGEST_LOCAL_PART = 64
#: A dot-atom as people have it, or letters beyond ASCII (RFC 6531). No quoted local
#: parts: nobody has one, and they are where injections hide.
LOCAL_PART = re.compile(r"[\w!#$%&'*+/=?^`{|}~-]+(\.[\w!#$%&'*+/=?^`{|}~-]+)*")
DOMAIN = re.compile(r"([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)*[A-Za-z0-9-]+")
#: What needs no encoding: atoms (RFC 5322, 3.2.3) short enough for one line.
PLAIN_NAME = re.compile(r"[A-Za-z0-9' -]{0,60}")
PLAIN_TEXT = re.compile(r"[ -~]{0,60}")
NEW_LINE = re.compile(r"\r\n|\r|\n")
#: In quoted-printable every ``=`` is followed by digits or a line's end: no body can
#: hold it, whatever a stranger wrote (RFC 2045, 6.7).
BOUNDARY = "=_paddlewheel"
FRAME = (
    "MIME-Version: 1.0\r\n"
    f'Content-Type: multipart/alternative; boundary="{BOUNDARY}"\r\n'
    "\r\n"
)
PART = (
    f"--{BOUNDARY}\r\n"
    "Content-Type: text/{subtype}; charset=utf-8\r\n"
    "Content-Transfer-Encoding: quoted-printable\r\n"
    "\r\n"
)
#: Of four bytes each at most: 44 bytes are 60 in base64, 72 with their frame (of 75).
CHARACTERS_A_WORD = 11
#: Control, format (writing direction, joiners), surrogate, private, unassigned, and
#: the separators of lines and paragraphs.
UNSHOWABLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@dataclass(frozen=True, slots=True)
class Words:
    """What a mail says."""

    subject: str
    text: str
    html: str
    #: What a channel with room for little says behind the subject; often empty.
    why: str = ""


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail as it goes on the wire, with its envelope."""

    sender: str
    recipient: str
    content: bytes
    #: Whether the server must understand SMTPUTF8.
    international: bool
    #: What operators and logs are not shown of a server's words: address and name.
    secrets: tuple[str, ...] = field(default=(), repr=False)


def write_letter(
    sender: str, recipient: tuple[str | None, str], message_id: str, words: Words
) -> Letter:
    """Build a mail to one person.

    Args:
        sender: ``MAIL_FROM``, with or without a name.
        recipient: The person's name, as it was given, and address.
        message_id: With its angle brackets.
        words: What it says.

    Raises:
        PermanentError: The address is none that mail can be sent to.
    """
    sender_name, sender_address = parseaddr(sender)
    to = address_of(recipient[1])
    headers = {
        "From": _mailbox(sender_name, sender_address),
        "To": _mailbox(recipient[0], to),
        "Subject": encoded(shown(words.subject, LONGEST_SUBJECT), PLAIN_TEXT),
        "Date": format_datetime(datetime.now(UTC)),
        "Message-ID": message_id,
        # RFC 3834: keeps out-of-office answers from coming back.
        "Auto-Submitted": "auto-generated",
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    content = head.encode() + _body(words)
    local = to.rpartition("@")[0]
    secrets = tuple(filter(None, (to, local, shown(recipient[0]))))
    return Letter(
        sender_address, to, content, international=not to.isascii(), secrets=secrets
    )


def _body(words: Words) -> bytes:
    """Return the rest of the mail: text and HTML, the same thing twice (RFC 2046, 5.1.4).

    By hand, as the head is: the standard library takes four times as long for it.
    """
    parts = [("plain", words.text), ("html", words.html)]
    written = b"".join(
        PART.format(subtype=subtype).encode() + _printable(text)
        for subtype, text in parts
    )
    return FRAME.encode() + written + f"--{BOUNDARY}--\r\n".encode()


def _printable(text: str) -> bytes:
    """Return a text in quoted-printable, its lines ended as on the wire (RFC 2045, 6.7)."""
    lines = NEW_LINE.split(text.removesuffix("\n"))
    return b2a_qp("".join(f"{line}\r\n" for line in lines).encode(), istext=True)


def message_id_of(key: str, sender: str) -> str:
    """Return the Message-ID of a notification: the same for the same key, always."""
    digest = hashlib.sha256(key.encode()).hexdigest()[:32]
    domain = parseaddr(sender)[1].rpartition("@")[2] or "localhost"
    return f"<{digest}@{domain}>"


def address_of(given: str) -> str:
    """Return an address in the form in which it can be sent to.

    Raises:
        PermanentError: There is no such form.
    """
    local, _, domain = given.strip().rpartition("@")
    try:
        # What Python writes for a domain beyond ASCII is what mail servers know.
        plain = domain.encode("idna").decode() if not domain.isascii() else domain
    except UnicodeError:
        plain = ""
    fits = len(local.encode()) <= LONGEST_LOCAL_PART
    if not (fits and LOCAL_PART.fullmatch(local) and DOMAIN.fullmatch(plain)):
        message = "the learner's address is none that mail can be sent to"
        raise PermanentError(message)
    if len(f"{local}@{plain}".encode()) > LONGEST_ADDRESS:
        message = "the learner's address is too long"
        raise PermanentError(message)
    return f"{local}@{plain}"


def shown(text: str | None, longest: int = LONGEST_NAME) -> str:
    """Return a text that is safe in a header: one line, left to right, not too long.

    What looks like an encoded word (``=?utf-8?q?=0D=0ABcc:…?=``) is broken up, for
    programs that would decode it once too often.
    """
    # Cut first: work on a name of a megabyte is for nobody.
    cut = (text or "")[: 4 * longest]
    plain = without_controls(cut).replace("=?", "= ?")
    return plain[:longest].strip()


def without_controls(text: str) -> str:
    """Return a text on one line, without characters that cannot be seen."""
    spaced = "".join(" " if character.isspace() else character for character in text)
    seen = (c for c in spaced if unicodedata.category(c) not in UNSHOWABLE)
    return " ".join("".join(seen).split())


def encoded(text: str, plain: re.Pattern[str]) -> str:
    """Return a text as it stands in a header: as it is where plain, else encoded.

    By hand, because the standard library decodes encoded words that it is given, line
    breaks included, and loses quotes where it folds a long name (seen with Python
    3.11.7): both let a name add a header or a recipient. RFC 2047, sections 2 and 5.
    """
    if plain.fullmatch(text):
        return text
    pieces = [
        text[start : start + CHARACTERS_A_WORD]
        for start in range(0, len(text), CHARACTERS_A_WORD)
    ]
    words = [base64.b64encode(piece.encode()).decode() for piece in pieces]
    return "\r\n ".join(f"=?utf-8?b?{word}?=" for word in words)


def _mailbox(name: str | None, address: str) -> str:
    phrase = encoded(shown(name), PLAIN_NAME)
    # Lines of 998 are the limit (RFC 5322, 2.1.1); an address alone fits.
    return f"{phrase}\r\n <{address}>" if phrase else address
