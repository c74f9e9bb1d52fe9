"""Reads sources of grants whole, and computes what they give.

The caller holds the sources' locks from an earlier statement, so what is read here is
whole: no other session can add a refund or a line meanwhile.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row

from models import purchase_rules, subscription_rules
from models.access import GrantSource
from models.access_rules import AdjustmentPart, FindingFact, Given, GrantFact, Line
from models.key import Key
from models.purchase_rules import Purchase
from models.subscription_rules import Charge, Item, Subscribed
from worker import grant_statements as sql
from worker.bulk import by_key
from worker.settings import Settings

Offers = Mapping[str, Mapping[str, Sequence[Given]]]
#: By source and line what its grants were made with.
Made = Mapping[Key, Mapping[str, Sequence[Given]]]


@dataclass(frozen=True, slots=True)
class Computed:
    """What a source gives by now."""

    source: GrantSource
    #: None: not known yet.
    learner_id: int | None
    currency: str | None
    facts: Sequence[GrantFact]
    findings: Sequence[FindingFact]
    #: Since when some line waits for its price or buyer, and what the mark says.
    waits_since: datetime | None
    marked_since: datetime | None


def compute_purchases(
    connection: Connection,
    keys: Collection[Key],
    made: Made,
    config: Settings,
    *,
    take_over: bool = False,
) -> dict[Key, Computed]:
    """Compute what locked transactions give; those that can give nothing are left out.

    With ``take_over`` what was given already follows the offers in force.
    """
    rows = _only(by_key(connection, sql.PURCHASES, keys))
    purchases = _purchases(connection, rows)
    offers = _offers(
        connection,
        {Key(k.provider, ln.price_id) for k, p in purchases.items() for ln in p.lines},
    )
    computed = {}
    for key, purchase in purchases.items():
        given, kept = offers[key.provider], made[key]
        prices = {line.id: line.price_id for line in purchase.lines}
        if take_over:
            kept = _taken_over(kept, prices, given)
        facts = purchase_rules.grants_of(purchase, given, kept, config.access_from)
        settled = _settled(rows[key], facts, kept, prices, given)
        computed[key] = _computed(
            GrantSource.PURCHASE,
            rows[key],
            facts,
            purchase_rules.findings_of(purchase, facts),
            waits=purchase_rules.is_waiting(purchase, settled),
        )
    return computed


def compute_subscriptions(
    connection: Connection,
    keys: Collection[Key],
    made: Made,
    config: Settings,
    *,
    take_over: bool = False,
) -> dict[Key, Computed]:
    """Compute what locked subscriptions give; stubs are left out. As for purchases."""
    rows = _only(by_key(connection, sql.SUBSCRIPTIONS, keys))
    subscriptions = _subscriptions(connection, rows)
    offers = _offers(
        connection,
        {
            Key(key.provider, item.price_id)
            for key, subscription in subscriptions.items()
            for item in subscription.items
        },
    )
    grace = timedelta(days=config.access_grace_days)
    computed = {}
    for key, subscription in subscriptions.items():
        given, kept = offers[key.provider], made[key]
        prices = {item.price_id: item.price_id for item in subscription.items}
        if take_over:
            kept = _taken_over(kept, prices, given)
        facts = subscription_rules.grants_of(subscription, given, kept, grace)
        settled = _settled(rows[key], facts, kept, prices, given)
        computed[key] = _computed(
            GrantSource.SUBSCRIPTION,
            rows[key],
            facts,
            subscription_rules.findings_of(subscription, facts),
            waits=subscription_rules.is_waiting(subscription, settled),
        )
    return computed


def _computed(
    source: GrantSource,
    row: Row[Any],
    facts: Sequence[GrantFact],
    findings: Sequence[FindingFact],
    *,
    waits: bool,
) -> Computed:
    known = row.learner_id is not None
    return Computed(
        source=source,
        learner_id=row.learner_id,
        currency=row.currency,
        facts=facts if known else (),
        findings=findings,
        waits_since=row.started_at if waits else None,
        marked_since=row.waits_since,
    )


def _taken_over(
    made: Mapping[str, Sequence[Given]],
    prices: Mapping[str, str],
    given: Mapping[str, Sequence[Given]],
) -> dict[str, Sequence[Given]]:
    """Replace what lines were made with by today's offers of their prices.

    A price that is in no catalog any more takes nothing away.
    """
    return {
        line: given.get(prices.get(line, ""), ()) or offers
        for line, offers in made.items()
    }


def _settled(
    row: Row[Any],
    facts: Sequence[GrantFact],
    made: Mapping[str, Sequence[Given]],
    prices: Mapping[str, str],
    given: Mapping[str, Sequence[Given]],
) -> set[str]:
    """Return the lines that have a grant, or are about to, or give nothing on purpose."""
    about_to = facts if row.learner_id is not None else ()
    nothing = {
        ln for ln, price in prices.items() if price in given and not given[price]
    }
    return {fact.line_id for fact in about_to} | set(made) | nothing


def _only(found: Mapping[Key, Sequence[Row[Any]]]) -> dict[Key, Row[Any]]:
    return {key: row for key, (row,) in sorted(found.items())}


def _purchases(
    connection: Connection, rows: Mapping[Key, Row[Any]]
) -> dict[Key, Purchase]:
    lines, adjustments = _bills(connection, rows)
    return {
        key: Purchase(
            row.status,
            row.started_at,
            lines[key],
            adjustments[key],
            row.user_refusal,
        )
        for key, row in rows.items()
    }


def _subscriptions(
    connection: Connection, rows: Mapping[Key, Row[Any]]
) -> dict[Key, Subscribed]:
    items = by_key(connection, sql.ITEMS, rows)
    charges = _charges(connection, rows)
    return {
        key: Subscribed(
            status=row.status,
            is_manual=bool(row.is_manual),
            is_paid=row.is_paid,
            started_at=row.started_at,
            period_starts_at=row.period_starts_at,
            scheduled_action=row.scheduled_action,
            scheduled_at=row.scheduled_at,
            items=[Item(*tuple(item)[2:]) for item in items[key]],
            charges=charges[key],
            user_refusal=row.user_refusal,
        )
        for key, row in rows.items()
    }


def _charges(
    connection: Connection, subscriptions: Iterable[Key]
) -> dict[Key, list[Charge]]:
    rows = _only(by_key(connection, sql.CHARGES, subscriptions))
    lines, adjustments = _bills(connection, rows)
    charges: dict[Key, list[Charge]] = defaultdict(list)
    for key, row in rows.items():
        charge = Charge(row.status, row.is_current, lines[key], adjustments[key])
        charges[Key(key.provider, row.subscription_id)].append(charge)
    return charges


def _bills(
    connection: Connection, transactions: Collection[Key]
) -> tuple[dict[Key, list[Line]], dict[Key, list[AdjustmentPart]]]:
    """Read transactions' lines, and what adjustments say about them."""
    lines: dict[Key, list[Line]] = defaultdict(list)
    parts: dict[Key, list[AdjustmentPart]] = defaultdict(list)
    for key, rows in by_key(connection, sql.LINES, transactions).items():
        lines[key] = [Line(*tuple(row)[2:]) for row in rows]
    for key, rows in by_key(connection, sql.ADJUSTMENTS, transactions).items():
        parts[key] = [AdjustmentPart(*tuple(row)[2:]) for row in rows]
    return lines, parts


def _offers(connection: Connection, prices: Collection[Key]) -> Offers:
    given: dict[str, dict[str, list[Given]]] = defaultdict(lambda: defaultdict(list))
    for offers in by_key(connection, sql.OFFERS, prices).values():
        for offer in offers:
            # Made, and left empty, for a price that gives nothing.
            place = given[offer.provider][offer.price_id]
            if offer.course_key is not None:
                place.append(Given(offer.course_key, offer.days, offer.id, offer.kind))
    return given
