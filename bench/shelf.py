"""What a provider has, made page by page out of numbers: nothing is kept in memory.

Each entity is a body of the local Paddle's with ids of its own; the same number is the
same entity, wherever it is made.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.mix import Club
from local_paddle import adjustment
from local_paddle.ids import ID_LENGTH, Ids
from local_paddle.signing import compact

#: Of a page, at most, as Paddle documents it.
MOST_A_PAGE = {
    "customers": 200,
    "transactions": 30,
    "subscriptions": 200,
    "adjustments": 50,
}
PREFIXES = {
    "customers": "ctm",
    "transactions": "txn",
    "subscriptions": "sub",
    "adjustments": "adj",
}
#: Every so-manieth transaction is disputed.
ADJUSTED = 50


@dataclass(frozen=True)
class Shelf:
    """How much there is of each list, and how one of each looks."""

    counts: Mapping[str, int]
    templates: Mapping[str, str]

    def entity(self, of: str, number: int) -> str:
        """Return an entity as JSON; numbers begin with 0."""
        bought = number * ADJUSTED if of == "adjustments" else number
        per_subscription = self.counts["transactions"] // self.counts["subscriptions"]
        is_bought = of in ("transactions", "adjustments")
        member = bought // per_subscription if is_bought else number
        text = self.templates[of]
        for name, value in (
            ("adj", number),
            ("txn", bought),
            ("sub", member),
            ("ctm", member),
        ):
            text = text.replace(f"@{name}@", f"{value:0{ID_LENGTH}}")
        return text

    def page(self, of: str, after: str, most: int) -> tuple[list[str], bool]:
        """Return a page in the order of ids, and whether more follows."""
        begin = int(after.partition("_")[2]) + 1 if after else 0
        end = min(begin + min(most, MOST_A_PAGE[of]), self.counts[of])
        entities = [self.entity(of, number) for number in range(begin, end)]
        return entities, end < self.counts[of]

    def requests(self, of: str) -> int:
        """Return how many requests paging needs at least."""
        return max(1, -(-self.counts[of] // MOST_A_PAGE[of]))

    def save(self, file: Path) -> None:
        """Write it down for another process."""
        kept = {"counts": dict(self.counts), "templates": dict(self.templates)}
        file.write_text(json.dumps(kept))

    @classmethod
    def load(cls, file: Path) -> "Shelf":
        """Read what ``save`` wrote."""
        return cls(**json.loads(file.read_text()))


def shelf_of(subscriptions: int, transactions: int) -> Shelf:
    """Return a shelf with one customer for each subscription."""
    counts = {
        "customers": subscriptions,
        "transactions": transactions,
        "subscriptions": subscriptions,
        "adjustments": transactions // ADJUSTED,
    }
    return Shelf(counts, _templates())


def _templates() -> dict[str, str]:
    told = [json.loads(event.body) for _, event in Club().begin(0)]
    by_type = {body["event_type"]: body["data"] for body in told}
    bought, customer = by_type["transaction.completed"], by_type["customer.created"]
    disputed_at = datetime.now(UTC) - timedelta(days=1)
    lines = adjustment.whole(bought)
    how = {"action": "chargeback"}
    entities = {
        "customers": customer,
        "transactions": bought,
        "subscriptions": by_type["subscription.activated"],
        "adjustments": adjustment.adjusted(Ids(), bought, lines, disputed_at, how),
    }
    names = {
        entity["id"]: f"{PREFIXES[of]}_@{PREFIXES[of]}@"
        for of, entity in entities.items()
    }
    names[customer["email"]] = "member@ctm@@example.com"
    return {of: _named(compact(entity), names) for of, entity in entities.items()}


def _named(text: str, names: Mapping[str, str]) -> str:
    for old, new in names.items():
        text = text.replace(old, new)
    return text
