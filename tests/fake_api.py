"""A provider's API in memory: the same answers as the real client gives, without a net.

``tests/integration/local_paddle/test_asking_alike.py`` holds both to one suite.
"""

import json
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from worker.providers.api import (
    ApiList,
    Asked,
    Destination,
    Gate,
    ListPage,
    OpenGate,
)
from worker.providers.errors import ApiDownError

#: Of a page, where the provider allows fewer than it was asked for.
MOST_A_PAGE = 200
MOST_A_PAGE_OF = {ApiList.TRANSACTIONS: 30, ApiList.ADJUSTMENTS: 50}

Entity = Mapping[str, Any]


@dataclass
class FakeApi:
    """Knows what it is given; ``lists`` may be changed while it is asked."""

    lists: dict[ApiList, list[Entity]] = field(default_factory=dict)
    #: Pages of ``products``, ``prices`` and ``discounts`` have room for all.
    sold: Mapping[str, Sequence[bytes]] = field(default_factory=dict)
    delivers_to: list[Destination] = field(default_factory=list)
    gate: Gate = field(default_factory=OpenGate)
    #: Called before each answer with what is asked for; may raise, as the real one does.
    before: Callable[[str], None] = lambda _: None
    #: What it falls silent after; empty: it does not.
    silent_after: str = ""
    #: What was asked for, in order.
    asked: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        """Use it for a while."""
        return self

    def __exit__(self, *_: object) -> None:
        """Do nothing: nothing is open."""

    def customer(self, customer_id: str) -> bytes | None:
        """Return a customer; None: there is none."""
        self._ask(f"customers/{customer_id}")
        known = self.lists.get(ApiList.CUSTOMERS, [])
        found = (one for one in known if one["id"] == customer_id)
        return next(map(_bytes, found), None)

    def invoice_url(self, transaction_id: str) -> str:
        """Return an address."""
        self._ask("invoice")
        return f"https://example.com/invoices/{transaction_id}.pdf"

    def checkout_url(self, transaction_id: str) -> str:
        """Return an address."""
        self._ask("checkout")
        return f"https://example.com/pay?_ptxn={transaction_id}"

    def page(self, asked: Asked) -> ListPage:
        """Return one page."""
        self._ask(str(asked.list))
        entities = self._in_order(asked)
        ids = [_id(one, asked) for one in entities]
        begin = _behind(ids, asked)
        most = MOST_A_PAGE_OF.get(asked.list, MOST_A_PAGE)
        end = begin + min(asked.most or most, most)
        following = ids[end - 1] if end < len(ids) else ""
        return ListPage(tuple(map(_bytes, entities[begin:end])), following, len(ids))

    def destinations(self) -> list[Destination]:
        """Return where it delivers."""
        self._ask("destinations")
        return self.delivers_to

    def prices(self) -> Iterator[list[bytes]]:
        """Return all prices on one page."""
        return self._sold("prices")

    def products(self) -> Iterator[list[bytes]]:
        """Return all products on one page."""
        return self._sold("products")

    def discounts(self) -> Iterator[list[bytes]]:
        """Return all discounts on one page."""
        return self._sold("discounts")

    def _in_order(self, asked: Asked) -> list[Entity]:
        entities = [
            one
            for one in self.lists.get(asked.list, [])
            if asked.changed_since is None
            or datetime.fromisoformat(one["updated_at"]) >= asked.changed_since
        ]
        entities.sort(key=lambda one: _id(one, asked), reverse=asked.newest_first)
        return entities

    def _sold(self, kind: str) -> Iterator[list[bytes]]:
        self._ask(kind)
        yield list(self.sold.get(kind, ()))
        if self.silent_after == kind:
            raise ApiDownError("no answer")

    def _ask(self, what: str) -> None:
        self.gate.enter()
        self.asked.append(what)
        try:
            self.before(what)
        except Exception as error:
            self.gate.leave(error)
            raise
        self.gate.leave(None)


def _id(entity: Entity, asked: Asked) -> str:
    name = "event_id" if asked.list is ApiList.EVENTS else "id"
    return str(entity[name])


def _behind(ids: Sequence[str], asked: Asked) -> int:
    """Return where the page begins: behind an id, which need not be there any more."""
    if not asked.after:
        return 0
    if asked.newest_first:
        return sum(one >= asked.after for one in ids)
    return bisect_right(ids, asked.after)


def _bytes(entity: Entity) -> bytes:
    return json.dumps(entity).encode()
