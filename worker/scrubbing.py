"""What of an event may leave for Sentry: a list of what is kept, not of what is not.

The SDK hands every event here last, check-ins of monitors too (sentry-sdk 2.75
``client.py``). What a newer SDK adds is dropped until it is named below.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from worker import crumbs, errors

if TYPE_CHECKING:
    from sentry_sdk.types import Event, Hint

#: Outcomes of a run that Flower shows; no faults, whoever raises them.
EXPECTED = {"Retry", "Ignore", "Reject", "DeadLettered", "BatchOutcome", "SystemExit"}
#: Errors whose texts are made to be shown, by name as events have them.
SHOWABLE = {
    name
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.PaddlewheelError)
}
#: Parts of an event that may stay; whatever else the SDK adds is dropped.
KEPT = (
    "event_id",
    "timestamp",
    "platform",
    "level",
    "environment",
    "release",
    "server_name",
    "sdk",
    "tags",
    "fingerprint",
    "exception",
    "message",
)
KEPT_OF_FRAME = ("filename", "function", "lineno", "module", "in_app")
KEPT_OF_CHECK_IN = (
    "type",
    "event_id",
    "monitor_slug",
    "monitor_config",
    "check_in_id",
    "status",
    "duration",
    "environment",
    "release",
)


def scrubbed(event: "Event", hint: "Hint") -> "Event | None":
    """Return of an event what may leave; None: nothing."""
    del hint
    if event.get("type") == "check_in":
        return cast("Event", _only(event, KEPT_OF_CHECK_IN))
    exceptions = (event.get("exception") or {}).get("values") or []
    if exceptions and exceptions[-1].get("type") in EXPECTED:
        return None
    kept = _only(event, KEPT)
    if exceptions:
        kept["exception"] = {
            "values": [_scrubbed_exception(value) for value in exceptions]
        }
    if found := _crumbs_of(event):
        kept["breadcrumbs"] = {"values": found}
    return cast("Event", kept)


def _only(given: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: given[name] for name in names if name in given}


def _crumbs_of(event: Mapping[str, Any]) -> list[dict[str, Any]]:
    left = (event.get("breadcrumbs") or {}).get("values") or []
    return [kept for crumb in left if (kept := crumbs.kept(crumb))]


def _scrubbed_exception(value: dict[str, Any]) -> dict[str, Any]:
    ours = value.get("module") == errors.__name__ and value.get("type") in SHOWABLE
    frames = (value.get("stacktrace") or {}).get("frames") or []
    return {
        "type": value.get("type"),
        "module": value.get("module"),
        "value": value.get("value") if ours else "",
        "stacktrace": {"frames": [_only(frame, KEPT_OF_FRAME) for frame in frames]},
    }
