"""Signed learner ids: believed when genuine, refused in a word, never an error."""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.learner_token import UserClaim, check, sign

SECRET = "a-secret-that-only-the-shop-knows-1"
OLDER = "a-secret-that-the-shop-had-before-2"
NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
WEEK = timedelta(days=7)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


def token(user_id: str = "user-42", secret: str = SECRET) -> str:
    return sign(user_id, "local", secret, WEEK, NOW)


def forged(signed: str, secret: str = SECRET) -> str:
    """A token with a genuine signature over whatever one likes."""
    mac = hmac.digest(secret.encode(), signed.encode(), hashlib.sha256)
    return f"{signed}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


def judged(
    value: object,
    *,
    secrets: Sequence[str] = (SECRET, OLDER),
    at: datetime = NOW,
    unsigned: bool = False,
) -> UserClaim:
    return check(value, "local", secrets, at, unsigned_allowed=unsigned)


@pytest.mark.parametrize(
    "user_id", ["user-42", "zoë@x.de", "学員", " ", "a.b", "x" * 128]
)
def test_a_signed_user_id_comes_back_as_it_was(user_id: str) -> None:
    assert judged(token(user_id)) == UserClaim(user_id=user_id)


def test_a_user_id_is_not_normalised() -> None:
    assert judged(token("e\u0301")).user_id == "e\u0301"


def test_the_older_secret_counts_during_a_rotation() -> None:
    assert judged(token(secret=OLDER)) == UserClaim(user_id="user-42")
    assert judged(token(secret=OLDER), secrets=[SECRET]).refusal == "signature"


def test_without_a_value_nothing_is_claimed() -> None:
    assert judged(None) == UserClaim()


@pytest.mark.parametrize("position", range(len(token())))
def test_a_token_with_any_character_changed_is_refused(position: int) -> None:
    genuine = token()
    other = "A" if genuine[position] != "A" else "B"
    changed = genuine[:position] + other + genuine[position + 1 :]

    assert judged(changed).user_id is None
    assert judged(changed).refusal in {"form", "signature", "unsigned"}


def test_a_token_counts_until_the_second_of_its_expiry() -> None:
    last = NOW + WEEK - timedelta(microseconds=1)

    assert judged(token(), at=last).user_id == "user-42"
    assert judged(token(), at=NOW + WEEK).refusal == "expired"


def test_another_environments_token_is_refused_though_the_secret_is_the_same() -> None:
    sandbox = sign("user-42", "sandbox", SECRET, WEEK, NOW)

    assert judged(sandbox).refusal == "environment"


def test_what_a_forged_token_says_of_itself_is_not_looked_at() -> None:
    old = sign("user-42", "sandbox", "x" * 32, WEEK, NOW - 2 * WEEK)

    assert judged(old).refusal == "signature"


def test_without_a_secret_a_token_is_not_believed_even_where_plain_ids_are() -> None:
    assert judged(token(), secrets=(), unsigned=True).refusal == "no secret"


@pytest.mark.parametrize("user_id", [f"lrn_{'0a' * 16}"])
def test_our_own_references_cannot_be_claimed(user_id: str) -> None:
    user = base64.urlsafe_b64encode(user_id.encode()).decode().rstrip("=")

    assert judged(user_id, unsigned=True).refusal == "reserved"
    assert judged(forged(f"plw1.local.1900000000.{user}")).refusal == "reserved"


def test_a_plain_user_id_counts_only_where_the_setting_says_so() -> None:
    assert judged("user-42").refusal == "unsigned"
    assert judged("user-42", unsigned=True) == UserClaim(user_id="user-42")


@pytest.mark.parametrize(
    "value",
    [
        "",
        "x" * 129,
        "a\x00b",
        "a\nb",
        "a\x85b",
        "\ud800",
        42,
        True,
        ["user-42"],
        {"id": "user-42"},
        "plw1.",
        "plw2.local.1900000000.dXNlcg.mac",
    ],
)
def test_what_is_no_user_id_is_refused(value: object) -> None:
    assert judged(value, unsigned=True).refusal == "form"


@pytest.mark.parametrize(
    "signed",
    [
        "plw1.local.1900000000.",  # no user
        "plw1.local.1900000000.dXNlcg==",  # padded
        "plw1.local.1900000000.dXNlch",  # unused bits set
        "plw1.local.1900000000.a",  # no base64
        "plw1.local.1900000000._w",  # no UTF-8
        "plw1.local.1900000000.AA",  # a control character
        f"plw1.local.1900000000.{'eHh4' * 43}",  # 129 characters
        f"plw1.local.1900000000.{'eHh4' * 400}",  # longer than is looked at
        "plw1.local.0190000000.dXNlcg",  # leading zero
        "plw1.local.-1.dXNlcg",
        "plw1.local.1e9.dXNlcg",
        "plw1.local.١٩٠٠٠٠٠٠٠٠.dXNlcg",  # digits, not ASCII
        "plw1.local.190000000000.dXNlcg",  # twelve digits
        "plw1.staging.1900000000.dXNlcg",
        "plw1.LOCAL.1900000000.dXNlcg",
        "plw1.local.dXNlcg",
    ],
)
def test_a_token_written_otherwise_is_refused_though_signed(signed: str) -> None:
    assert judged(forged(signed)).refusal == "form"


@given(JSON)
def test_nothing_is_raised_on_any_value_and_a_refusal_has_no_user(
    value: object,
) -> None:
    for claim in (judged(value), judged(value, unsigned=True)):
        assert claim.user_id is None or claim.refusal is None
        assert (claim == UserClaim()) == (value is None)


@pytest.mark.parametrize("mac", ["", f".{'A' * 43}"])
@given(rest=st.text(st.characters(exclude_categories=())))
def test_nothing_is_raised_on_what_looks_like_a_token(rest: str, mac: str) -> None:
    odd = f"plw1.local.1900000000.{rest}{mac}"

    assert judged(odd, unsigned=True).refusal in {"form", "signature"}


@given(st.text(min_size=1, max_size=128))
def test_what_can_be_signed_is_believed(user_id: str) -> None:
    try:
        made = token(user_id)
    except ValueError:
        assert judged(user_id, unsigned=True).user_id is None
    else:
        assert judged(made) == UserClaim(user_id=user_id)


@pytest.mark.parametrize(
    ("user_id", "environment", "secret", "valid_for", "said"),
    [
        ("", "local", SECRET, WEEK, "A user id has 1 to 128"),
        ("a\tb", "local", SECRET, WEEK, "no control characters"),
        ("\udcff", "local", SECRET, WEEK, "A user id has 1 to 128"),
        ("plw1.x", "local", SECRET, WEEK, "must not look like a token"),
        (f"lrn_{'0' * 32}", "local", SECRET, WEEK, "a learner's reference"),
        ("u", "staging", SECRET, WEEK, "local, sandbox, production"),
        ("u", "local", "x" * 31, WEEK, "at least 32 characters"),
        ("u", "local", SECRET, timedelta(), "a second or more"),
        ("u", "local", SECRET, timedelta.max, "until the year 5138"),
    ],
)
def test_what_would_be_refused_is_not_signed(
    user_id: str, environment: str, secret: str, valid_for: timedelta, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        sign(user_id, environment, secret, valid_for, NOW)
