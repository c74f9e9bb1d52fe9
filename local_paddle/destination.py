"""Notification destinations ("notification settings" in Paddle's API)."""

import re
import secrets
import string
from http import HTTPStatus
from urllib.parse import urlsplit

from local_paddle.answer import ApiError
from local_paddle.event_type import event_types
from local_paddle.ids import Ids, stable_id
from local_paddle.store import Entity, Store

KIND = "notification_setting"
MOST_ACTIVE = 10
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


def check_setting(store: Store, setting: Entity, own_id: str | None) -> None:
    """Check that there can be such a destination beside the others.

    Raises:
        ApiError: It is no address, the same as another one, or one too many.

    """
    others = [one for one in store.all(KIND) if one["id"] != own_id]
    if urlsplit(setting["destination"]).scheme not in {"http", "https"}:
        raise _refused(
            HTTPStatus.BAD_REQUEST,
            "url_notification_setting_incorrect",
            "URL notification setting destination must be a URL",
        )
    if any(_same(one) == _same(setting) for one in others):
        raise _refused(
            HTTPStatus.CONFLICT,
            "notification_setting_cannot_be_duplicate",
            "Notification setting already exists",
        )
    is_active = setting.get("active", True)
    if is_active and sum(one["active"] for one in others) >= MOST_ACTIVE:
        raise _refused(
            HTTPStatus.BAD_REQUEST,
            "notification_maximum_active_settings_reached",
            "Maximum number of notification settings reached",
        )


def _same(setting: Entity) -> tuple[object, ...]:
    events = sorted(one["name"] for one in setting["subscribed_events"])
    traffic = setting.get("traffic_source", "platform")
    return setting["destination"], events, traffic, setting.get("description")


def _refused(status: HTTPStatus, code: str, detail: str) -> ApiError:
    return ApiError(status, code, detail, chapter="notifications")


def keep_receiver(store: Store, destination: str, secret: str) -> None:
    """Make the receiver of this deployment a destination, or correct where it is.

    What led to the same place moves with it, marks and all: a rotation makes a second
    one there, and may be half done.
    """
    known = {one["id"]: one for one in store.all(KIND)}
    signing = [one for one in known.values() if one["endpoint_secret_key"] == secret]
    ours = next(iter([*signing, *known.values()]), None) or {
        "id": _id_of(secret),
        "description": "Paddlewheel on this machine",
        "type": "url",
        "active": True,
        "api_version": 1,
        "include_sensitive_fields": False,
        "traffic_source": "platform",
        "subscribed_events": list(event_types()),
        "destination": destination,
    }
    before, _, _ = ours["destination"].partition("?")
    known[ours["id"]] = {**ours, "endpoint_secret_key": secret}
    for one in known.values():
        place, mark, rest = one["destination"].partition("?")
        if place == before:
            store.put(KIND, {**one, "destination": f"{destination}{mark}{rest}"})


def _id_of(secret: str) -> str:
    # Paddle writes the destination's id into its secret.
    match = _SECRET.fullmatch(secret)
    return f"ntfset_{match[1]}" if match else stable_id("ntfset", secret)
