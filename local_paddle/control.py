"""Endpoints that the real Paddle does not have: buying, breaking, and asking the truth.

Under ``/local/``, with the same key as the API (a page in a browser on this machine
could post here otherwise). Bodies and answers are plain JSON objects; what cannot be
done is 400 with one sentence in ``error``.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local_paddle.answer import ApiError
from local_paddle.api import replay
from local_paddle.catalog import COURSES_FACT, Offer, stock
from local_paddle.clock import instant_of, rfc3339
from local_paddle.dashboard import Dashboard
from local_paddle.deliveries import Deliverer
from local_paddle.faults import Extra, Plan
from local_paddle.feed import Feed
from local_paddle.guard import Limit
from local_paddle.period import duration_of
from local_paddle.schedule import Schedule
from local_paddle.shop import Shop
from local_paddle.shop_control import ShopControl, Work
from local_paddle.simulation import Simulations
from local_paddle.store import Entity
from local_paddle.subscription_facts import DEFAULT_GRACE_DAYS, Viewpoint
from local_paddle.till import Receipt
from local_paddle.truth import counts_of, truth_of
from local_paddle.writing import body_of

#: Names under which the server remembers what was set here.
PLAN_FACT = "plan"
FACTOR_FACT = "factor"
SCHEDULE_FACT = "schedule"
LIMIT_FACT = "requests_per_minute"


@dataclass
class Control:
    """What the endpoints work on."""

    shop: Shop
    deliverer: Deliverer
    limit: Limit

    @property
    def feed(self) -> Feed:
        """What the shop tells."""
        return self.shop.feed

    def routes(self) -> list[Route]:
        """Return the control paths."""
        store = self.feed.store
        readers: dict[str, Work] = {
            "agenda": lambda _: {"due": self.shop.agenda.listed()},
            "catalog": lambda _: self._catalog(),
            "clock": lambda _: self._clock(),
            "counts": lambda _: counts_of(store),
            "dashboard": lambda _: Dashboard(store).shown(),
            "health": lambda _: {"status": "ok"},
            "plan": lambda _: self.feed.plan.as_json(),
            "quiet": lambda _: self._quiet(),
            "truth": lambda g: truth_of(store, self._viewpoint(g)),
        }
        writers: dict[str, Work] = {
            **ShopControl(self.shop).writers(),
            "catalog": self._stock,
            "clock": self._set_clock,
            "dashboard": Dashboard(store).change,
            "inject": self._inject,
            "limit": self._set_limit,
            "plan": self._set_plan,
            "replay": self._replay,
            "simulate": self._simulate,
        }
        return [
            *(Route(f"/local/{n}", _answering(w)) for n, w in readers.items()),
            *(
                Route(f"/local/{n}", _doing(w), methods=["POST", "PUT"])
                for n, w in writers.items()
            ),
        ]

    def _viewpoint(self, given: Entity) -> Viewpoint:
        now = instant_of(given["now"]) if "now" in given else self.feed.clock.now()
        grace_days = float(given.get("grace_days", DEFAULT_GRACE_DAYS))
        return Viewpoint(now, timedelta(days=grace_days))

    def _inject(self, given: Entity) -> Entity:
        kind, variant = Extra(given["kind"]), given.get("variant")
        with self.feed.store.transaction():
            injected = [
                self.feed.inject(kind, variant) for _ in range(given.get("count", 1))
            ]
        return {"notification_ids": injected}

    def _replay(self, given: Entity) -> Entity:
        store = self.feed.store
        found = [
            row
            for event_id in given["event_ids"]
            for row in store.rows(
                "SELECT * FROM notifications WHERE event_id = ? AND source = 'event'"
                " AND origin = 'event'",
                (event_id,),
            )
        ]
        with store.transaction():
            return {"notification_ids": [replay(self.feed, row) for row in found]}

    def _simulate(self, given: Entity) -> Entity:
        """Run a simulation once; the receiver takes simulations from then on."""
        store = self.feed.store
        setting = store.all("notification_setting")[0]
        if setting["traffic_source"] == "platform":
            store.put("notification_setting", {**setting, "traffic_source": "all"})
        simulations = Simulations(self.feed)
        made = simulations.create(
            {"name": given["type"], "notification_setting_id": setting["id"], **given}
        )
        run = simulations.run(made)
        sent = store.having("simulation_event", "run_id", run["id"])
        return {
            "simulation_id": made["id"],
            "run_id": run["id"],
            "event_ids": [event["id"] for event in sent],
        }

    def _stock(self, given: Entity) -> Entity:
        offers = [
            Offer(
                price.get("id") or self.feed.ids.new("pri"),
                price["name"],
                tuple(price.get("courses", ())),
                int(price.get("amount", 0)),
                price.get("currency_code", "USD"),
                duration_of(price.get("cycle")),
                duration_of(price.get("trial")),
            )
            for price in given["prices"]
        ]
        stock(self.feed.store, self.feed.clock, offers)
        return {"price_ids": [offer.price_id for offer in offers]}

    def _catalog(self) -> Entity:
        courses = self.feed.store.fact(COURSES_FACT, {})
        prices = [
            {
                "price_id": price["id"],
                "name": price["name"],
                **price["unit_price"],
                "courses": courses.get(price["id"], []),
            }
            for price in self.feed.store.all("price")
        ]
        return {"prices": prices}

    def _set_plan(self, given: Entity) -> Entity:
        self.feed.plan = Plan.of(given)
        self.feed.store.remember(PLAN_FACT, given)
        return self.feed.plan.as_json()

    def _clock(self) -> Entity:
        return {
            "now": rfc3339(self.feed.clock.now()),
            "factor": self.feed.clock.factor,
            "schedule": self.deliverer.schedule,
        }

    def _set_clock(self, given: Entity) -> Entity:
        if "schedule" in given:
            self.deliverer.schedule = Schedule(given["schedule"])
            self.feed.store.remember(SCHEDULE_FACT, given["schedule"])
        if "factor" in given:
            factor = float(given["factor"])
            if factor <= 0:
                message = "factor must be above 0"
                raise ValueError(message)
            self.deliverer.compress(factor)
            self.feed.store.remember(FACTOR_FACT, factor)
        return self._clock()

    def _set_limit(self, given: Entity) -> Entity:
        self.limit.allow(int(given["requests_per_minute"]))
        self.feed.store.remember(LIMIT_FACT, self.limit.per_minute)
        return {"requests_per_minute": self.limit.per_minute}

    def _quiet(self) -> Entity:
        waiting, in_flight = self.deliverer.waiting, self.deliverer.in_flight
        return {
            "quiet": not waiting and not in_flight,
            "waiting": waiting,
            "in_flight": in_flight,
            "next_due_seconds": self.deliverer.next_due_seconds,
        }


def _answering(work: Work) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            return JSONResponse(work(dict(request.query_params)))
        except ValueError as error:
            return _refused(str(error))

    return endpoint


def _doing(work: Work) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            given = await body_of(request)
            done = work(given)
        except KeyError as error:
            return _refused(f"{error} is missing or unknown")
        except ApiError as error:
            return _refused(error.detail)
        except (ValueError, TypeError, AttributeError, LookupError) as error:
            return _refused(str(error))
        return JSONResponse(done.as_json() if isinstance(done, Receipt) else done)

    return endpoint


def _refused(sentence: str) -> Response:
    return JSONResponse({"error": sentence}, HTTPStatus.BAD_REQUEST)
