"""Asks the provider what it sells, and puts what we do not know into the inbox.

The ledger is written by ``events.record`` alone, as for any event; here it is only
compared with. Interrupted or run again, what is there already is not stored twice.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Engine

from models.kept_snapshots import PriceSnapshot, ProductSnapshot
from models.key import Key
from models.snapshot import Snapshot
from worker.differences import Known, differences, told_of
from worker.errors import MalformedPayloadError
from worker.offers import Named
from worker.providers.api import ProviderApi
from worker.synthetic import store_synthetic

#: Entities as they were read and as they were written.
_Read = dict[Key, tuple[Snapshot, bytes]]


@dataclass(slots=True)
class Pulled:
    """What the provider's answers were, as far as they have come."""

    new: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    unchanged: int = 0
    #: What could not be understood, a sentence each.
    odd: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Assortment:
    """What the provider sells, by kind, and the courses that it names itself."""

    kinds: dict[str, Pulled] = field(default_factory=dict)
    _products: dict[str, str] = field(default_factory=dict)
    _prices: dict[str, PriceSnapshot] = field(default_factory=dict)

    def note(self, snapshot: Snapshot) -> None:
        """Keep the course that a price or product names."""
        if isinstance(snapshot, ProductSnapshot) and snapshot.course:
            self._products[snapshot.key.id] = snapshot.course
        elif isinstance(snapshot, PriceSnapshot):
            self._prices[snapshot.key.id] = snapshot

    def prices(self) -> list[PriceSnapshot]:
        """Return the prices, by id."""
        return [one for _, one in sorted(self._prices.items())]

    def named(self) -> Named:
        """Return the course that each price names, or else its product."""
        courses = {
            one.key: one.course or self._products.get(one.product_id or "")
            for one in self._prices.values()
        }
        return {key: course for key, course in courses.items() if course}


@dataclass(frozen=True, slots=True)
class Puller:
    """Takes up a provider's answers, page by page, each committed."""

    engine: Engine
    provider: str
    api: ProviderApi
    #: Only compare.
    dry_run: bool = False

    def pull(self, found: Assortment) -> Iterator[int]:
        """Go through all lists.

        Yields:
            How many entities a page had.

        Raises:
            ApiRefusedError, ApiBusyError, ApiDownError, ApiError: A page was not to be
                had; those before it are stored.
        """
        lists = {
            "product": self.api.products,
            "price": self.api.prices,
            "discount": self.api.discounts,
        }
        for kind, pages in lists.items():
            pulled = found.kinds[kind] = Pulled()
            for page in pages():
                self._take(kind, page, pulled, found)
                yield len(page)

    def _take(
        self, kind: str, page: Sequence[bytes], pulled: Pulled, found: Assortment
    ) -> None:
        read: _Read = {}
        for entity in page:
            try:
                snapshot = told_of(self.provider, kind, entity).snapshot
            except MalformedPayloadError as error:
                pulled.odd.append(f"A {kind} cannot be understood: {error}.")
                continue
            read[snapshot.key] = (snapshot, entity)
            found.note(snapshot)
        with self.engine.begin() as connection:
            known = differences(connection, [one for one, _ in read.values()])
            for key, (snapshot, entity) in sorted(read.items()):
                told = pulled.changed if key in known else pulled.new
                is_news = _is_news(snapshot, known.get(key))
                if is_news and not self.dry_run:
                    stored = store_synthetic(connection, self.provider, kind, entity)
                    is_news = stored is not None
                if is_news:
                    told.append(key.id)
                else:
                    pulled.unchanged += 1


def _is_news(snapshot: Snapshot, known: Known | None) -> bool:
    """Tell whether an answer says something that the ledger does not, nor newer."""
    if known is None:
        return True
    return bool(known.fields) and snapshot.clock.updated_at >= known.clock.updated_at
