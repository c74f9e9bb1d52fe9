"""Sets a Paddle account up: what the key may, and where it delivers."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from worker.connect import destination
from worker.connect.errors import ConnectError
from worker.connect.plan import Plan
from worker.errors import PaddlewheelError
from worker.failures import failure_of
from worker.providers.errors import ApiDownError, ApiError
from worker.providers.paddle.connection import (
    FOR_CHECKOUTS,
    NEEDED,
    PaddleConnection,
    Setting,
)
from worker.providers.paddle.permissions import KEYS
from worker.settings import Environment

#: Of the destinations that we make.
DESCRIPTION = "Paddlewheel"
_DUPLICATE = "notification_setting_cannot_be_duplicate"

log = structlog.get_logger()


def check_permissions(api: PaddleConnection) -> list[str]:
    """Check what the key may do; return what it lacks for checkouts.

    Raises:
        ConnectError: It lacks what is needed, each permission by name.
    """
    if lacking := api.lacking(NEEDED):
        raise ConnectError(
            "permissions",
            f"the key lacks {', '.join(lacking)}. Give it these under {KEYS}.",
        )
    return api.lacking(FOR_CHECKOUTS)


def mine(api: PaddleConnection, plan: Plan) -> list[Setting]:
    """Return the destinations with our address, oldest first."""
    return _at(api.settings(), plan)


def find(api: PaddleConnection, plan: Plan) -> Setting | None:
    """Return the destination with our address: an active one, best one that we know.

    As long as one is active none is woken beside it: that would be what a rotation put
    to sleep, and every event would come twice.
    """

    def rank(one: Setting) -> tuple[bool, bool, tuple[str, str]]:
        is_known = one.endpoint_secret_key in plan.secrets
        return one.active, is_known, _age(one)

    return max(mine(api, plan), key=rank, default=None)


def beside(api: PaddleConnection, plan: Plan, chosen: Setting) -> list[Setting]:
    """Return what else is awake and ours: at our address, of our making or signing."""
    every = api.settings()
    here = {one.id for one in _at(every, plan)}
    return [
        one
        for one in every
        if one.active and one.id != chosen.id
        if one.id in here
        or one.description == DESCRIPTION
        or one.endpoint_secret_key in plan.secrets
    ]


def doubt_of(other: Setting, plan: Plan) -> str:
    """Say what a destination does that is awake beside the right one."""
    off = f"switch it off ({destination.NOTIFICATIONS})"
    if destination.bare(other.destination) != destination.bare(plan.destination):
        return (
            f"{other.id} is on too, and leads to {destination.bare(other.destination)}."
            f" If nothing of yours is there any more, {off}"
        )
    if other.endpoint_secret_key not in plan.secrets:
        return (
            f"{other.id} leads there too, and its secret is not known here: go on with"
            f" --rotate-secret, or {off}"
        )
    return f"{other.id} leads there too, so each event comes twice: {off}"


def lull(api: PaddleConnection, setting: Setting) -> Setting:
    """Put a destination to sleep."""
    return api.change_setting(setting.id, {"active": False})


def differences(setting: Setting, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return what has to be changed of a destination."""
    now = {
        "active": setting.active,
        "traffic_source": setting.traffic_source,
        "subscribed_events": sorted(setting.subscribed),
    }
    return {name: wanted[name] for name in now if now[name] != wanted[name]}


def wanted_of(api: PaddleConnection, plan: Plan) -> dict[str, Any]:
    """Return how the destination is to be."""
    return destination.wanted_of(plan.environment, api.event_types())


def set_up(api: PaddleConnection, plan: Plan) -> tuple[Setting, str]:
    """Create or change the destination; return it and what was done."""
    wanted = wanted_of(api, plan)
    known = find(api, plan)
    if known is None:
        return _created(api, plan, wanted), "created"
    if changes := differences(known, wanted):
        changed = api.change_setting(known.id, changes)
        return changed, f"changed: {', '.join(sorted(changes))}"
    return known, "as it should be"


def make(api: PaddleConnection, wanted: Mapping[str, Any], address: str) -> Setting:
    """Make a destination, awake: Paddle makes no other, and takes no word on that."""
    given = {
        **{name: value for name, value in wanted.items() if name != "active"},
        "description": DESCRIPTION,
        "destination": address,
        "type": "url",
        "api_version": 1,
    }
    return api.add_setting(given)


@contextmanager
def taking_simulations(
    api: PaddleConnection, plan: Plan, setting_id: str
) -> Iterator[None]:
    """Let a destination take simulations, in production only meanwhile."""
    if plan.environment is not Environment.PRODUCTION:
        yield
        return
    usual = {"traffic_source": destination.traffic_of(plan.environment)}
    back = partial(api.change_setting, setting_id, usual)
    with undone(back, setting_id):
        api.change_setting(setting_id, {"traffic_source": "all"})
        yield
    back()


@contextmanager
def undone(undo: Callable[[], object], setting_id: str) -> Iterator[None]:
    """Undo what was done to a destination if it fails or is interrupted.

    Why it failed is what is raised; what goes wrong in undoing it is logged.
    """
    try:
        yield
    except BaseException:
        try:
            undo()
        except (PaddlewheelError, SQLAlchemyError) as error:
            told = failure_of(error).sentence
            log.warning("destination_not_put_back", setting=setting_id, error=told)
        raise


def _created(api: PaddleConnection, plan: Plan, wanted: Mapping[str, Any]) -> Setting:
    try:
        return make(api, wanted, plan.destination)
    except (ApiDownError, ApiError) as error:
        # It may be there all the same, made by this request whose answer was lost or by
        # somebody quicker, and a second one would double all deliveries.
        is_doubtful = isinstance(error, ApiDownError) or error.code == _DUPLICATE
        if is_doubtful and (found := find(api, plan)):
            return found
        raise


def _at(every: Iterable[Setting], plan: Plan) -> list[Setting]:
    ours = destination.bare(plan.destination)
    found = [one for one in every if destination.bare(one.destination) == ours]
    return sorted(found, key=_age)


def _age(setting: Setting) -> tuple[str, str]:
    return destination.mark_of(setting.destination), setting.id
