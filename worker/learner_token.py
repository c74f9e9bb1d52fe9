"""Signed learner ids: what a shop puts into ``custom_data.learner``.

A buyer can edit what the browser sends, so a bare user id there proves nothing. The
token, byte by byte, with test vectors: ``docs/integrate.md``. Only the standard library
is imported, so that a shop written in Python can take this file as it is.
"""

import base64
import hashlib
import hmac
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

VERSION = "plw1"
#: In characters of the secret; what a person makes up is shorter.
LEAST_SECRET = 32
#: In characters of a user id.
LONGEST_USER_ID = 128
#: A token at its longest has some 800 characters: more is not looked at.
LONGEST_TOKEN = 1024
#: In Unix seconds: eleven digits.
LATEST_EXPIRY = 99_999_999_999
ENVIRONMENTS = ("local", "sandbox", "production")

#: Whatever begins so is a token, of this or a coming version, and no user id.
_MARK = re.compile(r"plw[0-9]+\.")
_TOKEN = re.compile(
    rf"(?P<signed>{VERSION}\.(?P<environment>{'|'.join(ENVIRONMENTS)})"
    r"\.(?P<expiry>[1-9][0-9]{0,10})\.(?P<user>[A-Za-z0-9_-]+))"
    r"\.(?P<mac>[A-Za-z0-9_-]{43})",
)
#: The references that we make ourselves: nobody may claim one of them.
_OURS = re.compile(r"lrn_[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class UserClaim:
    """Whose purchase it is, as the shop says; neither field: it says nothing.

    Attributes:
        user_id: The user in the shop; None: not told, or not believed.
        refusal: Why not believed: ``form``, ``no secret``, ``signature``,
            ``environment``, ``expired``, ``unsigned`` or ``reserved``.
    """

    user_id: str | None = None
    refusal: str | None = None


def sign(
    user_id: str, environment: str, secret: str, valid_for: timedelta, now: datetime
) -> str:
    """Return the token that says who buys.

    Args:
        user_id: 1 to 128 characters, none of them a control character.
        environment: ``local``, ``sandbox`` or ``production``.
        secret: The newest of ``LEARNER_SECRETS``.
        valid_for: How long a checkout may be opened with it; renewals keep it.
        now: With a zone.

    Raises:
        ValueError: One of them is out of its bounds; the message says which.
    """
    if problem := _problem_of(user_id, environment, secret):
        raise ValueError(problem)
    expiry = int(now.timestamp() + valid_for.total_seconds())
    if not now.timestamp() < expiry <= LATEST_EXPIRY:
        raise ValueError("A token is valid for a second or more, until the year 5138.")
    signed = f"{VERSION}.{environment}.{expiry}.{_encoded(user_id.encode())}"
    return f"{signed}.{_mac(secret, signed)}"


def check(
    value: object,
    environment: str,
    secrets: Sequence[str],
    at: datetime,
    *,
    unsigned_allowed: bool,
) -> UserClaim:
    """Return what ``custom_data.learner`` claims. Nothing is raised on any JSON value.

    Args:
        value: As it came; None: there was none.
        environment: Ours.
        secrets: ``LEARNER_SECRETS``; each is tried.
        at: When the purchase was begun, with a zone. Not now: a renewal brings the
            token of the first purchase, years later.
        unsigned_allowed: A plain user id is believed too.
    """
    if value is None:
        return UserClaim()
    if not isinstance(value, str):
        return UserClaim(refusal="form")
    if _MARK.match(value):
        return _signed_claim(value, environment, secrets, at)
    if not _is_user_id(value):
        return UserClaim(refusal="form")
    return _claim_of(value) if unsigned_allowed else UserClaim(refusal="unsigned")


def _signed_claim(
    token: str, environment: str, secrets: Sequence[str], at: datetime
) -> UserClaim:
    parts = _TOKEN.fullmatch(token) if len(token) <= LONGEST_TOKEN else None
    user_id = _decoded(parts["user"]) if parts else None
    if parts is None or user_id is None:
        return UserClaim(refusal="form")
    if not secrets:
        return UserClaim(refusal="no secret")
    # All of them: how long it takes must not tell which secret fitted.
    genuine = [
        hmac.compare_digest(_mac(secret, parts["signed"]), parts["mac"])
        for secret in secrets
    ]
    if not any(genuine):
        return UserClaim(refusal="signature")
    # Only now: what an unsigned token says of itself is worth nothing.
    if parts["environment"] != environment:
        return UserClaim(refusal="environment")
    if at.timestamp() >= int(parts["expiry"]):
        return UserClaim(refusal="expired")
    return _claim_of(user_id)


def _claim_of(user_id: str) -> UserClaim:
    if _OURS.fullmatch(user_id):
        return UserClaim(refusal="reserved")
    return UserClaim(user_id=user_id)


def _problem_of(user_id: str, environment: str, secret: str) -> str | None:
    if not _is_user_id(user_id):
        return (
            f"A user id has 1 to {LONGEST_USER_ID} characters and no control"
            " characters."
        )
    if _MARK.match(user_id) or _OURS.fullmatch(user_id):
        return "A user id must not look like a token or like a learner's reference."
    if environment not in ENVIRONMENTS:
        return f"The environment is one of {', '.join(ENVIRONMENTS)}."
    if len(secret) < LEAST_SECRET:
        return f"The secret has at least {LEAST_SECRET} characters."
    return None


def _is_user_id(text: str) -> bool:
    # Cc: control characters. Cs: half of a surrogate pair, which is no Unicode text.
    return 0 < len(text) <= LONGEST_USER_ID and not any(
        unicodedata.category(character) in {"Cc", "Cs"} for character in text
    )


def _mac(secret: str, signed: str) -> str:
    return _encoded(hmac.digest(secret.encode(), signed.encode(), hashlib.sha256))


def _encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _decoded(user: str) -> str | None:
    """Return the user id; None: it is none, or not written as we write it."""
    try:
        text = base64.urlsafe_b64decode(user + "=" * (-len(user) % 4)).decode()
    except ValueError:
        return None
    # One user, one way to write it: left-over bits would be a second one.
    return text if _is_user_id(text) and _encoded(text.encode()) == user else None
