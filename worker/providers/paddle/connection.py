"""What connecting an account takes: its permissions, its destinations, a simulation.

https://developer.paddle.com/api-reference/notification-settings/overview and
https://developer.paddle.com/api-reference/simulations/overview.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated

import msgspec

from worker.providers.errors import ApiError, ApiRefusedError
from worker.providers.paddle.answers import Identity, One, read
from worker.providers.paddle.api import PaddleApi, paddles_own
from worker.providers.paddle.error_codes import FORBIDDEN
from worker.providers.paddle.permissions import permission_of

SETTINGS = "/notification-settings"
SIMULATIONS = "/simulations"
#: No simulation of ours is called otherwise, so that it is found again.
SIMULATION = "Paddlewheel connect"
#: Kept, and nothing is computed from it: what is proven must invent no purchase.
SIMULATED = "report.created"
_NOBODY = f"ntfset_{'0' * 26}"
_NOTHING = f"ntfsim_{'0' * 26}"
#: Requests by which a permission shows, and that change nothing whatever the answer:
#: what is written is nobody's, or not whole.
NEEDED = (
    ("GET", "/events"),
    ("GET", SETTINGS),
    ("PATCH", f"{SETTINGS}/{_NOBODY}"),
    ("GET", SIMULATIONS),
    ("PATCH", f"{SIMULATIONS}/{_NOTHING}"),
    ("GET", "/products"),
    ("GET", "/prices"),
    ("GET", "/discounts"),
    ("GET", "/customers"),
    ("GET", "/transactions"),
    ("GET", "/subscriptions"),
    ("GET", "/adjustments"),
)
#: What only opening checkouts needs.
FOR_CHECKOUTS = (("POST", "/customers"), ("POST", "/transactions"))


class _Named(msgspec.Struct):
    name: str


class Setting(Identity):
    """A notification destination."""

    destination: str
    active: bool
    traffic_source: str
    subscribed_events: list[_Named]
    #: Nothing is verified without: an answer that leaves it out is none.
    endpoint_secret_key: Annotated[str, msgspec.Meta(min_length=1)]
    description: str = ""

    @property
    def subscribed(self) -> frozenset[str]:
        """The event types it is subscribed to."""
        return frozenset(one.name for one in self.subscribed_events)


class _Simulation(Identity):
    name: str
    notification_setting_id: str
    type: str
    status: str = "active"


class _Response(msgspec.Struct):
    status_code: int = 0


class SimulatedEvent(Identity):
    """What became of a simulated event: pending, success, failed or aborted."""

    status: str
    response: _Response | None = None

    @property
    def answer(self) -> int:
        """The HTTP status it was answered with; 0: no answer."""
        return self.response.status_code if self.response else 0


class PaddleConnection(PaddleApi):
    """Looks at an account and sets it up."""

    def lacking(self, needed: Iterable[tuple[str, str]]) -> list[str]:
        """Return the permissions that the key lacks for these requests.

        Raises:
            ApiRefusedError: The key is not believed at all.
            ApiBusyError, ApiDownError: No answer of Paddle's to that.
        """
        return [
            permission_of(method, path)
            for method, path in needed
            if not self._may(method, path)
        ]

    def _may(self, method: str, path: str) -> bool:
        try:
            with paddles_own():
                if method == "GET":
                    self._asker.get(path, {"per_page": "1"})
                else:
                    self._asker.send(method, path, {})
        except ApiRefusedError as error:
            if error.code != FORBIDDEN:
                raise
            return False
        except ApiError:
            # It was read, and found wanting.
            return True
        return True

    def event_types(self) -> frozenset[str]:
        """Return the event types that this account knows."""
        content = read(self._asker.get("/event-types", {}), One).data
        return frozenset(one.name for one in read(bytes(content), list[_Named]))

    def settings(self) -> list[Setting]:
        """Return the destinations."""
        pages = self.pages(SETTINGS, {})
        return [read(entity, Setting) for page in pages for entity in page]

    def add_setting(self, given: Mapping[str, object]) -> Setting:
        """Make a destination; never repeat it blindly."""
        return self._sent("POST", SETTINGS, given, Setting)

    def change_setting(self, setting_id: str, given: Mapping[str, object]) -> Setting:
        """Change a destination."""
        return self._sent("PATCH", f"{SETTINGS}/{setting_id}", given, Setting)

    def simulate(self, setting_id: str) -> tuple[str, str]:
        """Run our simulation for a destination; return the ids of both."""
        known = [
            one.id
            for page in self.pages(SIMULATIONS, {})
            for one in (read(entity, _Simulation) for entity in page)
            if one.name == SIMULATION and one.notification_setting_id == setting_id
            if one.status == "active" and one.type == SIMULATED
        ]
        given = {
            "notification_setting_id": setting_id,
            "name": SIMULATION,
            "type": SIMULATED,
        }
        simulation = (
            known[0]
            if known
            else self._sent("POST", SIMULATIONS, given, _Simulation).id
        )
        run = self._sent("POST", f"{SIMULATIONS}/{simulation}/runs", {}, Identity)
        return simulation, run.id

    def simulated(self, simulation: str, run: str) -> list[SimulatedEvent]:
        """Return the events of a run."""
        path = f"{SIMULATIONS}/{simulation}/runs/{run}/events"
        pages = self.pages(path, {})
        return [read(entity, SimulatedEvent) for page in pages for entity in page]
