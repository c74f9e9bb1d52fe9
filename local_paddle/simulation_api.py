"""Paddle's API for simulations, their runs and the events of a run.

https://developer.paddle.com/api-reference/simulations/overview.
"""

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local_paddle import form, forms
from local_paddle import traffic_listing as traffic
from local_paddle.answer import not_found, success
from local_paddle.api import paged
from local_paddle.entity import changed
from local_paddle.feed import Feed
from local_paddle.simulation import (
    EVENT,
    KIND,
    RUN,
    Simulations,
    event_of,
    run_of,
    types_of,
)
from local_paddle.store import Entity
from local_paddle.writing import Writing, body_of


class SimulationEndpoints(Writing):
    """Reading and running simulations."""

    def __init__(self, feed: Feed) -> None:
        """Send through this feed."""
        super().__init__(feed)
        self._simulations = Simulations(feed)

    def routes(self) -> list[Route]:
        """Return the paths that this part answers."""
        runs = "/simulations/{id}/runs"
        events = f"{runs}/{{run_id}}/events"
        post = ["POST"]
        return [
            Route("/simulation-types", self._types),
            Route("/simulations", self._list),
            Route("/simulations", self._create, methods=post),
            Route("/simulations/{id}", self._get),
            Route("/simulations/{id}", self._patch, methods=["PATCH"]),
            Route(runs, self._runs),
            Route(runs, self._run, methods=post),
            Route(f"{runs}/{{run_id}}", self._get_run),
            Route(events, self._events),
            Route(f"{events}/{{event_id}}", self._get_event),
            Route(f"{events}/{{event_id}}/replay", self._replay, methods=post),
        ]

    async def _types(self, _: Request) -> Response:
        return success(types_of(self._feed))

    async def _list(self, request: Request) -> Response:
        return paged(request, self._store, traffic.SIMULATIONS)

    async def _create(self, request: Request) -> Response:
        given = form.read(forms.SIMULATION, await body_of(request))
        return success(self._simulations.create(given), HTTPStatus.CREATED)

    async def _get(self, request: Request) -> Response:
        return success(self._find(KIND, request.path_params["id"]))

    async def _patch(self, request: Request) -> Response:
        before, given = await self._change(request, KIND, forms.SIMULATION_CHANGE)
        after = changed(before, self._now(), given)
        self._store.put(KIND, after)
        return success(after)

    async def _runs(self, request: Request) -> Response:
        simulation = self._find(KIND, request.path_params["id"])
        return paged(
            request,
            self._store,
            traffic.SIMULATION_RUNS,
            _belonging("simulation_id", simulation),
            lambda run: run_of(self._store, run),
        )

    async def _run(self, request: Request) -> Response:
        simulation = self._find(KIND, request.path_params["id"])
        return success(self._simulations.run(simulation), HTTPStatus.CREATED)

    async def _get_run(self, request: Request) -> Response:
        run = self._run_in(request)
        shown = run_of(self._store, run)
        if request.query_params.get("include") == "events":
            found = self._store.having(EVENT, "run_id", run["id"])
            shown["events"] = [event_of(self._store, event) for event in found]
        return success(shown)

    async def _events(self, request: Request) -> Response:
        return paged(
            request,
            self._store,
            traffic.SIMULATION_EVENTS,
            _belonging("run_id", self._run_in(request)),
            lambda event: event_of(self._store, event),
        )

    async def _get_event(self, request: Request) -> Response:
        return success(event_of(self._store, self._event_in(request)))

    async def _replay(self, request: Request) -> Response:
        replayed = self._simulations.replay(self._event_in(request))
        return success({"simulation_event_id": replayed}, HTTPStatus.ACCEPTED)

    def _run_in(self, request: Request) -> Entity:
        run = self._find(RUN, request.path_params["run_id"])
        if run["simulation_id"] != request.path_params["id"]:
            raise not_found(run["id"])
        return run

    def _event_in(self, request: Request) -> Entity:
        event = self._find(EVENT, request.path_params["event_id"])
        if event["run_id"] != self._run_in(request)["id"]:
            raise not_found(event["id"])
        return event


def _belonging(field: str, owner: Entity) -> tuple[str, list[str]]:
    return f"json_extract(body, '$.{field}') = ?", [owner["id"]]
