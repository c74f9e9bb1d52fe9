"""The ``Paddle-Signature`` of a delivery.

https://developer.paddle.com/webhooks/signature-verification: HMAC-SHA256 over
``<ts>:<raw body>``, keyed with the destination's whole secret string.
"""

import hashlib
import hmac
import json

HEADER = "Paddle-Signature"


def signature_of(secret: str, timestamp: int, body: bytes) -> str:
    """Return the header's value for these bytes at this Unix second."""
    signed = b"%d:%b" % (timestamp, body)
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return f"ts={timestamp};h1={digest}"


def compact(value: object) -> str:
    """Write JSON as Paddle's deliveries have it: no blanks, ASCII only."""
    return json.dumps(value, separators=(",", ":"))
