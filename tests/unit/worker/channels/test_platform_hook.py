"""The hook's signature, its identity, and what a pause may be."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from tests.fixtures.platform import SECRET
from worker.channels.platform_hook import news_of, signed
from worker.retry_after import LONGEST_PAUSE, pause_of

SINCE = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def row(**values: Any) -> dict[str, Any]:
    """Make a row of ``course_access``."""
    return {
        "learner_ref": "lrn_1",
        "email": "ada@example.com",
        "course_key": "python",
        "has_access": True,
        "state": "active",
        "reason": "purchased",
        "access_until": None,
        "version": 3,
        "changed_at": SINCE,
        **values,
    }


@given(email=st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_the_signature_is_what_two_others_compute(email: str) -> None:
    news = news_of(row(email=email), (7, SINCE))
    headers = signed(Webhook(SECRET), news)
    sent_id, sent_at = headers["webhook-id"], headers["webhook-timestamp"]
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    content = f"{sent_id}.{sent_at}.{news.body}".encode()
    digest = hmac.new(key, content, hashlib.sha256).digest()
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"
    assert Webhook(SECRET).verify(news.body, headers) == json.loads(news.body)


def test_another_secret_does_not_verify() -> None:
    news = news_of(row(), (7, SINCE))
    other = Webhook(base64.b64encode(b"another secret").decode())
    with pytest.raises(Exception, match="signature"):
        other.verify(news.body, signed(Webhook(SECRET), news))


def test_the_same_version_is_the_same_hook_byte_for_byte() -> None:
    assert news_of(row(), (7, SINCE)) == news_of(row(), (7, SINCE))


@pytest.mark.parametrize(
    "other",
    [
        (row(version=4), (7, SINCE)),
        (row(), (8, SINCE)),
        # The same numbers in a database that was made anew.
        (row(), (7, SINCE + timedelta(seconds=1))),
    ],
)
def test_another_version_or_enrollment_has_another_id(other: Any) -> None:
    assert news_of(*other).webhook_id != news_of(row(), (7, SINCE)).webhook_id


def test_times_are_told_in_utc() -> None:
    ends = datetime.fromisoformat("2026-05-06T12:00:00+02:00")
    told = json.loads(news_of(row(access_until=ends), (7, SINCE)).body)
    assert told["data"]["access_until"] == "2026-05-06T10:00:00Z"
    assert told["timestamp"] == "2026-01-02T03:04:05Z"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 0),
        ("", 0),
        ("0", 0),
        ("30", 30),
        (" 30 ", 30),
        ("-5", 0),
        ("1e9", 0),
        ("9" * 9, 3600),
        ("9" * 5000, 0),
        ("٣٠", 0),
        ("soon", 0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        ("Wed, 21 Oct 9999 07:28:00 GMT", 3600),
        ("Wed, 99 Oct 2015 07:28:00 GMT", 0),
    ],
)
def test_a_pause_is_read_or_none(header: str | None, seconds: int) -> None:
    assert pause_of(header) == timedelta(seconds=seconds)


@given(st.text())
def test_no_header_breaks_the_reading_of_a_pause(header: str) -> None:
    assert timedelta() <= pause_of(header) <= LONGEST_PAUSE
