"""Paddle's API for adjustments and discounts.

https://developer.paddle.com/api-reference/adjustments/create-adjustment: a refund made
here is pending until the next round of approvals.
"""

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local_paddle import form, forms
from local_paddle.adjustment import Line
from local_paddle.answer import ApiError, invalid, success
from local_paddle.discount import PERCENTAGE, discount_of, told
from local_paddle.entity import changed
from local_paddle.refund import LATER
from local_paddle.shop import Shop
from local_paddle.store import Entity
from local_paddle.writing import Writing, body_of

CODE_CHARACTERS = 10
MOST_PERCENT = 100


class Money(Writing):
    """What is given back, and what is given off."""

    def __init__(self, shop: Shop) -> None:
        """Change the shop's transactions and discounts."""
        super().__init__(shop.feed)
        self._shop = shop

    def routes(self) -> list[Route]:
        """Return the paths that this part answers."""
        return [
            Route("/adjustments", self._adjust, methods=["POST"]),
            Route("/discounts", self._discount, methods=["POST"]),
            Route("/discounts/{id}", self._change_discount, methods=["PATCH"]),
        ]

    async def _adjust(self, request: Request) -> Response:
        given = form.read(forms.ADJUSTMENT, await body_of(request))
        lines = [
            Line(
                item["item_id"],
                int(item["amount"]) if item["type"] == "partial" else None,
                item["type"] == "tax",
            )
            for item in given.get("items") or []
        ]
        if bool(lines) == (given.get("type") == "full"):
            raise invalid(("items", "are required, unless type is full"))
        self._find("transaction", given["transaction_id"])
        receipt = self._shop.refunds.adjust(
            given["transaction_id"], lines, given["action"], LATER, given["reason"]
        )
        return success(
            self._find("adjustment", receipt.adjustment_id or ""), HTTPStatus.CREATED
        )

    async def _discount(self, request: Request) -> Response:
        given = form.read(forms.DISCOUNT, await body_of(request))
        _check(given)
        new_id = self._feed.ids.new("dsc")
        code = new_id[-CODE_CHARACTERS:].upper()
        made = discount_of(new_id, code, self._now(), given)
        self._check_code(made)
        return self._kept("discount.created", made, HTTPStatus.CREATED)

    async def _change_discount(self, request: Request) -> Response:
        before, given = await self._change(request, "discount", forms.DISCOUNT_CHANGE)
        after = changed(before, self._now(), given)
        _check(after)
        self._check_code(after)
        return self._kept("discount.updated", after)

    def _kept(
        self, event_type: str, discount: Entity, status: int = HTTPStatus.OK
    ) -> Response:
        with self._store.transaction():
            self._store.put("discount", discount)
            self._feed.emit(event_type, told(discount), self._now())
        return success(discount, status)

    def _check_code(self, discount: Entity) -> None:
        code = (discount["code"] or "").lower()
        for other in self._store.all("discount"):
            is_same = code and (other["code"] or "").lower() == code
            if is_same and other["id"] != discount["id"]:
                message = f"discount {other['id']} has this code"
                name = "discount_code_conflict"
                raise ApiError(HTTPStatus.CONFLICT, name, message, chapter="discounts")


def _check(given: Entity) -> None:
    if given["type"] == PERCENTAGE:
        if not 0 < float(given["amount"]) <= MOST_PERCENT:
            raise invalid(("amount", "must lie between 0.01 and 100"))
    elif "." in given["amount"] or not given.get("currency_code"):
        raise invalid(("currency_code", "a flat amount is in minor units of one"))
