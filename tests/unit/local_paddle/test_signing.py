"""The signature, against Paddle's own verifier."""

import time
from dataclasses import dataclass

import pytest
from paddle_billing.Notifications import Secret, Verifier

from local_paddle.signing import HEADER, compact, signature_of

SECRET = "pdl_ntfset_01gkpjp8bkm3tm53kdgkx6sms7_6h3qd3uFSi9YCD3OLY+hQI90XTI5/EI"


@dataclass
class Request:
    body: bytes
    headers: dict[str, str]


def signed(secret: str, timestamp: int, body: bytes) -> Request:
    return Request(body, {HEADER: signature_of(secret, timestamp, body)})


@pytest.mark.parametrize("body", [b"{}", b"", b'{"name":"\\u00dc"}', "Ü".encode()])
def test_paddles_verifier_accepts_our_signature(body: bytes) -> None:
    request = signed(SECRET, int(time.time()), body)
    assert Verifier().verify(request, Secret(SECRET))


def test_paddles_verifier_refuses_another_secret() -> None:
    request = signed(SECRET[:-1], int(time.time()), b"{}")
    assert not Verifier().verify(request, Secret(SECRET))


def test_paddles_verifier_refuses_an_old_timestamp() -> None:
    request = signed(SECRET, int(time.time()) - 60, b"{}")
    assert not Verifier().verify(request, Secret(SECRET))


def test_bodies_are_compact_and_ascii() -> None:
    assert compact({"a": ["Ü", 1]}) == '{"a":["\\u00dc",1]}'
