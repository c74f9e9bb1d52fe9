"""Notification destinations ("notification settings" in Paddle's API)."""

import re
import secrets
import string

from local_paddle.event_type import event_types
from local_paddle.ids import Ids, stable_id
from local_paddle.store import Entity, Store

KIND = "notification_setting"
_SECRET = re.compile(r"pdl_ntfset_([a-z\d]{26})_.+")
_SECRET_CHARACTERS = 32


def setting_of(ids: Ids, given: Entity) -> Entity:
    """Return a new destination with a secret of its own."""
    setting_id = ids.new("ntfset")
    letters = string.ascii_letters + string.digits
    tail = "".join(secrets.choice(letters) for _ in range(_SECRET_CHARACTERS))
    defaults = {
        "id": setting_id,
        "active": True,
        "api_version": 1,
        "include_sensitive_fields": False,
        "traffic_source": "platform",
        "endpoint_secret_key": f"pdl_{setting_id}_{tail}",
    }
    return defaults | given


def keep_receiver(store: Store, destination: str, secret: str) -> None:
    """Make the receiver of this deployment the first destination, or correct it."""
    setting = next(iter(store.all(KIND)), None) or {
        "id": _id_of(secret),
        "description": "Paddlewheel on this machine",
        "type": "url",
        "active": True,
        "api_version": 1,
        "include_sensitive_fields": False,
        "traffic_source": "platform",
        "subscribed_events": list(event_types()),
    }
    setting |= {"destination": destination, "endpoint_secret_key": secret}
    store.put(KIND, setting)


def _id_of(secret: str) -> str:
    # Paddle writes the destination's id into its secret.
    match = _SECRET.fullmatch(secret)
    return f"ntfset_{match[1]}" if match else stable_id("ntfset", secret)
