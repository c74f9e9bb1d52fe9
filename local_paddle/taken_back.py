"""What of a transaction was taken back: refunds and disputes, line by line."""

from collections import defaultdict

from local_paddle.store import Entity, Store


def adjustments_in(store: Store) -> dict[str, list[Entity]]:
    """Return all adjustments by their transaction, oldest first."""
    found: dict[str, list[Entity]] = defaultdict(list)
    for adjustment in store.all("adjustment"):
        found[adjustment["transaction_id"]].append(adjustment)
    return found


def about(line: Entity, adjustments: list[Entity]) -> list[Entity]:
    """Return the adjustments that take something of a line."""
    return [adjustment for adjustment in adjustments if _items_of(line, adjustment)]


def is_refunded(line: Entity, adjustments: list[Entity]) -> bool:
    """Tell whether approved refunds reach a line's total."""
    back = [
        int(item["totals"]["total"])
        for adjustment in adjustments
        if adjustment["action"] == "refund" and adjustment["status"] == "approved"
        for item in _items_of(line, adjustment)
    ]
    return bool(back) and sum(back) >= int(line["totals"]["total"])


def is_disputed(adjustments: list[Entity]) -> bool:
    """Tell whether a dispute stands that no reversal of its kind has lifted."""
    standing: dict[str, int] = defaultdict(int)
    for adjustment in adjustments:
        action = adjustment["action"]
        if action.startswith("chargeback"):
            sign = -1 if action.endswith("_reverse") else 1
            standing[action.removesuffix("_reverse")] += sign
    return any(count > 0 for count in standing.values())


def _items_of(line: Entity, adjustment: Entity) -> list[Entity]:
    return [item for item in adjustment["items"] if item["item_id"] == line["id"]]
