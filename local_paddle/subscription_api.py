"""Paddle's API for subscriptions: reading, changing, stopping, charging.

https://developer.paddle.com/api-reference/subscriptions/overview.
"""

from datetime import timedelta
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local_paddle import form, forms
from local_paddle.answer import ApiError, invalid, not_found, success
from local_paddle.clock import instant_of
from local_paddle.entity import changed
from local_paddle.lifecycle import AT_ONCE, AT_PERIOD_END
from local_paddle.plan_change import PREVENT
from local_paddle.shop import Shop
from local_paddle.store import Entity
from local_paddle.subscription import with_links
from local_paddle.till import Receipt, ShopError, Till
from local_paddle.writing import Writing, body_of

#: Paddle prepares a renewal that long before it; nothing may change then.
LOCKED = timedelta(minutes=30)
CONFLICTS = frozenset(
    {"subscription_locked_renewal", "subscription_outstanding_transaction"}
)


class Subscriptions(Writing):
    """What can be done with a subscription; the list is in ``api.py``."""

    def __init__(self, shop: Shop) -> None:
        """Change the shop's subscriptions."""
        super().__init__(shop.feed)
        self._shop = shop

    def routes(self) -> list[Route]:
        """Return the paths that this part answers."""
        one, post = "/subscriptions/{id}", ["POST"]
        return [
            Route(one, self._get),
            Route(one, self._patch, methods=["PATCH"]),
            Route(f"{one}/activate", self._activate, methods=post),
            Route(f"{one}/cancel", self._cancel, methods=post),
            Route(f"{one}/charge", self._charge, methods=post),
            Route(f"{one}/pause", self._pause, methods=post),
            Route(f"{one}/resume", self._resume, methods=post),
        ]

    async def _get(self, request: Request) -> Response:
        return self._answer(request)

    async def _patch(self, request: Request) -> Response:
        given = form.read(forms.SUBSCRIPTION_CHANGE, await body_of(request))
        subscription = self._unlocked(request)
        if "scheduled_change" in given:
            self._shop.lifecycle.unschedule(subscription["id"])
        if "items" in given:
            self._replan(subscription, given)
        if "custom_data" in given:
            self._note(subscription["id"], given["custom_data"])
        return self._answer(request)

    def _replan(self, subscription: Entity, given: Entity) -> None:
        if "proration_billing_mode" not in given:
            raise invalid(("proration_billing_mode", "is required with items"))
        kept = {i["price"]["id"]: i["quantity"] for i in subscription["items"]}
        wanted = [
            (i["price_id"], i.get("quantity") or kept.get(i["price_id"], 1))
            for i in given["items"]
        ]
        receipt = self._shop.plans.change(
            subscription["id"],
            wanted,
            given["proration_billing_mode"],
            given.get("on_payment_failure", PREVENT),
        )
        if any(e.event_type == "transaction.canceled" for e in receipt.events):
            message = "the payment was declined: nothing has changed"
            raise ShopError(message, "subscription_payment_declined")

    def _note(self, subscription_id: str, custom_data: Entity | None) -> None:
        before = self._find("subscription", subscription_id)
        till = Till(self._feed, self._now())
        fields = {"custom_data": custom_data}
        noted = changed(before, till.wait_for(before), fields)
        with self._store.transaction():
            till.tell("subscription.updated", entity=noted)

    async def _activate(self, request: Request) -> Response:
        self._shop.lifecycle.activate(self._unlocked(request)["id"])
        return self._answer(request)

    async def _cancel(self, request: Request) -> Response:
        given = await _optional(request, forms.CANCEL)
        self._stop(request, "cancel", given)
        return self._answer(request)

    async def _pause(self, request: Request) -> Response:
        given = await _optional(request, forms.PAUSE)
        self._stop(request, "pause", given)
        return self._answer(request)

    async def _resume(self, request: Request) -> Response:
        given = await _optional(request, forms.RESUME)
        when = given.get("effective_from") or AT_ONCE
        self._shop.lifecycle.resume(self._unlocked(request)["id"], when)
        return self._answer(request)

    async def _charge(self, request: Request) -> Response:
        given = form.read(forms.CHARGE, await body_of(request))
        wanted = [(item["price_id"], item["quantity"]) for item in given["items"]]
        subscription_id = self._unlocked(request)["id"]
        self._shop.plans.charge(subscription_id, wanted, given["effective_from"])
        return self._answer(request, HTTPStatus.CREATED)

    def _stop(self, request: Request, action: str, given: Entity) -> Receipt:
        return self._shop.lifecycle.stop(
            self._unlocked(request)["id"],
            action,
            given.get("effective_from") or AT_PERIOD_END,
            given.get("resume_at"),
        )

    def _unlocked(self, request: Request) -> Entity:
        """Return the subscription, unless it is about to renew.

        Raises:
            ShopError: Its renewal is less than half an hour away.

        """
        found = self._find("subscription", request.path_params["id"])
        due = found["next_billed_at"]
        if due and instant_of(due) - self._now() < LOCKED:
            message = f"{found['id']} renews at {due}"
            raise ShopError(message, "subscription_locked_renewal")
        return found

    def _answer(self, request: Request, status: int = HTTPStatus.OK) -> Response:
        found = self._find("subscription", request.path_params["id"])
        return success(with_links(found), status)


def refusal_of(error: ShopError) -> ApiError:
    """Return what the API answers to a wish that the shop cannot fulfil."""
    if error.code == "not_found":
        return not_found(str(error).rsplit(" ", 1)[-1])
    chapter = error.code.partition("_")[0]
    chapters = {"adjustment", "discount", "subscription", "transaction"}
    status = HTTPStatus.CONFLICT if error.code in CONFLICTS else HTTPStatus.BAD_REQUEST
    return ApiError(
        status,
        error.code,
        str(error),
        chapter=f"{chapter}s" if chapter in chapters else "shared",
    )


async def _optional(request: Request, shape: form.Form) -> Entity:
    """Read a body that may be missing."""
    given: Any = await body_of(request) if await request.body() else {}
    return form.read(shape, given or {})
