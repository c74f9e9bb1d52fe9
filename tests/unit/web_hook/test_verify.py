"""The verifier: Paddle's own vectors, Paddle's own kit as an oracle, hostile headers."""

import hashlib
import hmac
import time
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from paddle_billing.Notifications import PaddleSignature, Secret, Verifier

from web_hook.verify import MAX_SIGNATURES, Accepted, Refusal, Refused, verify

#: From the tests of Paddle's kits: header, body, secrets, and which secret signed.
#: paddle-python-sdk 1.16.1 tests/Unit/Notification/test_Verifier.py and
#: paddle-go-sdk v4 webhook_verifier_test.go.
PUBLISHED = [
    (
        (
            b"ts=1696195954;h1=dummy;h1=d96299976a6eb066f484d7fde011ac56"
            b"fc32b38fc9940bc419d6e537fdc6ef02"
        ),
        b"hello-world",
        (
            b"pdl_ntf_01hbpjmytsa32fhr36nqgc3kgb_TjIG2BXbm83HPXqNfziwe506sBEdqL/4",
            b"pdl_ntf_01hbpjmytsa32fhr36nqgc3kgb_vB/yIOnTOCWIvpBadM5jzBZPHc7OmdSo",
            b"pdl_ntf_01hbpjmytsa32fhr36nqgc3kgb_WvRO0eL4Bj9rgYYIBZY6wZhG4EHy9jzh",
        ),
        2,
    ),
    (
        (
            b"ts=1710929255;h1=6c05ef8fa83c44d751be6d259ec955ce"
            b"5638e2c54095bf128e408e2fce1589c8"
        ),
        (
            b'{"data":{"id":"pri_01hsdn96k2hxjzsq5yerecdj9j","name":null,"status":"active",'
            b'"quantity":{"maximum":999999,"minimum":1},"tax_mode":"account_setting",'
            b'"product_id":"pro_01hsdn8qp7yydry3x1yeg6a9rv","unit_price":{"amount":"1000",'
            b'"currency_code":"USD"},"custom_data":null,"description":"testing",'
            b'"import_meta":null,"trial_period":null,"billing_cycle":{"interval":"month",'
            b'"frequency":1},"unit_price_overrides":[]},'
            b'"event_id":"evt_01hsdn97563968dy0szkmgjwh3","event_type":"price.created",'
            b'"occurred_at":"2024-03-20T10:07:35.590857Z",'
            b'"notification_id":"ntf_01hsdn977e920kbgzt6r6c9rqc"}'
        ),
        (b"pdl_ntfset_01hsdn8d43dt7mezr1ef2jtbaw_hKkRiCGyyRhbFwIUuqiTBgI7gnWoV0Gr",),
        0,
    ),
]
SECRET = b"pdl_ntfset_secret"
NOW = 1_700_000_000
BODY = b'{"event_id":"evt_1"}'


def h1_of(
    body: bytes = BODY, secret: bytes = SECRET, stamp: bytes = b"%d" % NOW
) -> bytes:
    digest = hmac.new(secret, stamp + b":" + body, hashlib.sha256).hexdigest()
    return digest.encode()


def judged(header: bytes | None, *secrets: bytes, now: float = NOW) -> object:
    return verify(header, BODY, secrets or (SECRET,), now, 60)


@pytest.mark.parametrize(("header", "body", "secrets", "signer"), PUBLISHED)
def test_published_signatures_are_accepted(
    header: bytes, body: bytes, secrets: tuple[bytes, ...], signer: int
) -> None:
    stamp = int(header[3:13])
    assert verify(header, body, secrets, stamp, 5) == Accepted(signer, 0)


@pytest.mark.parametrize(("header", "body", "secrets", "signer"), PUBLISHED)
def test_a_changed_byte_is_refused(
    header: bytes, body: bytes, secrets: tuple[bytes, ...], signer: int
) -> None:
    stamp = int(header[3:13])
    changed = body[:-1] + bytes([body[-1] ^ 1])
    assert verify(header, changed, secrets, stamp, 5) == Refused(
        Refusal.WRONG_SIGNATURE
    )
    without = tuple(s for number, s in enumerate(secrets) if number != signer)
    assert verify(header, body, without, stamp, 5) == Refused(Refusal.WRONG_SIGNATURE)


STAMP = b"ts=%d" % NOW
GOOD = b"h1=" + h1_of()
HEADERS = {
    "missing": (None, Refusal.MISSING_HEADER),
    "empty": (b"", Refusal.MISSING_HEADER),
    "64 kB": (STAMP + b";" + b"x" * 65536, Refusal.HEADER_TOO_LONG),
    "no timestamp": (GOOD, Refusal.BAD_TIMESTAMP),
    "two timestamps": (STAMP + b";" + STAMP + b";" + GOOD, Refusal.BAD_TIMESTAMP),
    "empty timestamp": (b"ts=;" + GOOD, Refusal.BAD_TIMESTAMP),
    "nan": (b"ts=nan;" + GOOD, Refusal.BAD_TIMESTAMP),
    "inf": (b"ts=inf;" + GOOD, Refusal.BAD_TIMESTAMP),
    "underscore": (b"ts=17_00;" + GOOD, Refusal.BAD_TIMESTAMP),
    "negative": (b"ts=-1;" + GOOD, Refusal.BAD_TIMESTAMP),
    "plus": (b"ts=+1;" + GOOD, Refusal.BAD_TIMESTAMP),
    "arabic digits": ("ts=١٢٣;".encode() + GOOD, Refusal.BAD_TIMESTAMP),
    "superscript": ("ts=²;".encode("latin-1") + GOOD, Refusal.BAD_TIMESTAMP),
    "13 digits": (b"ts=1700000000000;" + GOOD, Refusal.BAD_TIMESTAMP),
    "400 digits": (b"ts=" + b"9" * 400 + b";" + GOOD, Refusal.BAD_TIMESTAMP),
    "no signature": (STAMP, Refusal.NO_SIGNATURE),
    "only h2": (STAMP + b";h2=abc", Refusal.NO_SIGNATURE),
    "a comma": (STAMP + b"," + GOOD, Refusal.BAD_TIMESTAMP),
    "11 signatures": (STAMP + b";h1=a" * 11, Refusal.TOO_MANY_SIGNATURES),
    "empty signature": (STAMP + b";h1=", Refusal.WRONG_SIGNATURE),
    "upper case": (STAMP + b";h1=" + h1_of().upper(), Refusal.WRONG_SIGNATURE),
    "truncated": (STAMP + b";" + GOOD[:-1], Refusal.WRONG_SIGNATURE),
    "equal signs": (STAMP + b";h1=" + b"=" * 64, Refusal.WRONG_SIGNATURE),
    "not ASCII": (STAMP + ";h1=ü".encode(), Refusal.WRONG_SIGNATURE),
    "NUL": (STAMP + b";h1=\x00" + h1_of(), Refusal.WRONG_SIGNATURE),
    "other time": (b"ts=%d;" % (NOW + 1) + GOOD, Refusal.WRONG_SIGNATURE),
    "leading zero": (b"ts=0%d;" % NOW + GOOD, Refusal.WRONG_SIGNATURE),
}


@pytest.mark.parametrize(("header", "reason"), HEADERS.values(), ids=list(HEADERS))
def test_hostile_headers_are_refused_with_the_reason(
    header: bytes | None, reason: Refusal
) -> None:
    assert judged(header) == Refused(reason)


@pytest.mark.parametrize(
    "header",
    [
        STAMP + b";" + GOOD,
        GOOD + b";" + STAMP,
        STAMP + b";h1=old;" + GOOD,
        STAMP + b";" + GOOD + b";h1=new",
        STAMP + b";h2=later;" + GOOD,
        STAMP + b"; " + GOOD,
        STAMP + b";" + GOOD + b";",
        STAMP + b";" + b";".join([GOOD] * MAX_SIGNATURES),
    ],
)
def test_any_right_signature_is_enough(header: bytes) -> None:
    assert judged(header) == Accepted(0, 0)


def test_during_a_rotation_both_secrets_are_good_and_the_match_is_told() -> None:
    old = STAMP + b";" + GOOD
    new = STAMP + b";h1=" + h1_of(secret=b"new")
    assert judged(new, b"new", SECRET) == Accepted(0, 0)
    assert judged(old, b"new", SECRET) == Accepted(1, 0)
    assert judged(old, b"new") == Refused(Refusal.WRONG_SIGNATURE)


def test_without_a_secret_nothing_is_accepted() -> None:
    verdict = verify(STAMP + b";" + GOOD, BODY, (), NOW, 60)
    assert verdict == Refused(Refusal.WRONG_SIGNATURE)


@pytest.mark.parametrize(
    ("drift", "verdict"),
    [
        (60, Accepted(0, 60)),
        (60.5, Refused(Refusal.TOO_OLD, 60.5)),
        (-60, Accepted(0, -60)),
        (-60.5, Refused(Refusal.TOO_NEW, -60.5)),
        (3 * 86400, Refused(Refusal.TOO_OLD, 3 * 86400)),
    ],
)
def test_the_tolerance_holds_both_ways_and_the_age_is_told(
    drift: float, verdict: object
) -> None:
    assert judged(STAMP + b";" + GOOD, now=NOW + drift) == verdict


def test_a_forged_old_delivery_is_called_forged_and_its_time_means_nothing() -> None:
    header = b"ts=1;h1=" + b"0" * 64
    assert judged(header) == Refused(Refusal.WRONG_SIGNATURE, None)


HEADER_PIECES = st.lists(
    st.one_of(
        st.sampled_from(
            [STAMP, GOOD, b"ts=", b"h1=", b"h2=x", b" ", b"=", b";", b"\xff", b"ts=1"]
        ),
        st.binary(max_size=12),
    ),
    max_size=14,
)


@settings(max_examples=1000, deadline=None)
@given(
    st.one_of(
        st.none(),
        st.binary(max_size=5000),
        HEADER_PIECES.map(b";".join),
        HEADER_PIECES.map(b"".join),
    ),
    st.binary(max_size=200),
    st.lists(st.binary(max_size=40), max_size=3).map(tuple),
    st.floats(allow_nan=True, allow_infinity=True),
)
def test_whatever_bytes_come_there_is_a_verdict(
    header: bytes | None, body: bytes, secrets: tuple[bytes, ...], now: float
) -> None:
    verdict = verify(header, body, secrets, now, 60)
    assert isinstance(verdict, (Accepted, Refused))


def oracle(header: bytes, body: bytes, secrets: list[bytes]) -> bool | None:
    """What Paddle's kit says; None where it raises."""
    request: Any = SimpleNamespace(
        headers={PaddleSignature().HEADER: header.decode("latin-1")}, body=body
    )
    try:
        return bool(Verifier(60).verify(request, [Secret(s.decode()) for s in secrets]))
    except ConnectionRefusedError:
        # Its way to say "no" to a list of secrets.
        return False
    except (ValueError, TypeError, UnicodeError):
        return None


@st.composite
def signed(draw: st.DrawFn) -> tuple[bytes, bytes, list[bytes]]:
    """Headers near to right ones, for random bodies and secrets."""
    secrets = [
        s.encode()
        for s in draw(st.lists(st.text("ab/+", min_size=1), min_size=1, max_size=3))
    ]
    body = draw(st.one_of(st.binary(max_size=60), st.text(max_size=60).map(str.encode)))
    stamp = b"%d" % (int(time.time()) + draw(st.sampled_from([0, -30, 30, -90, 90])))
    signer = draw(st.sampled_from([*secrets, b"other"]))
    good = b"h1=" + h1_of(body, signer, stamp)
    extra = draw(
        st.lists(st.sampled_from([b"h1=x", b"h1=", good, b"", b"zz"]), max_size=4)
    )
    parts = draw(st.permutations([b"ts=" + stamp, good, *extra]))
    return b";".join(parts), body, secrets


@settings(max_examples=1000, deadline=None)
@given(signed())
@example((b"ts=1;h1=abc", b"", [b"a"]))
def test_paddles_own_verifier_agrees(case: tuple[bytes, bytes, list[bytes]]) -> None:
    header, body, secrets = case
    said = oracle(header, body, secrets)
    ours = verify(header, body, tuple(secrets), time.time(), 60)
    if said is not None:
        assert isinstance(ours, Accepted) is said
