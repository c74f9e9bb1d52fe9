"""Lists, one page at a time: filters, order, cursor.

https://developer.paddle.com/api-reference/about/pagination: ``after`` is an id, too
large a ``per_page`` is clamped, and ``next`` is *always* there: only ``has_more`` says
whether to go on.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from sqlite3 import Row
from typing import Any

from local_paddle.answer import ApiError, invalid
from local_paddle.clock import instant_of
from local_paddle.ids import is_paddle_id
from local_paddle.store import Entity, Store

_PARAMETER = re.compile(r"([a-z_]+)(?:\[(LT|LTE|GT|GTE)\])?")
# Paddle documents capitals; its own SDKs send small letters.
_ORDER = re.compile(r"([a-z_]+)\[(ASC|DESC|asc|desc)\]")
_OPERATORS = {None: "=", "LT": "<", "LTE": "<=", "GT": ">", "GTE": ">="}
_PAGING = frozenset({"after", "per_page", "order_by"})
#: Paddle stops counting there.
ESTIMATE_CAP = 100_001

Condition = tuple[str, list[Any]]
#: Takes the value and the operator in brackets; returns SQL with its values.
Filter = Callable[[str, str | None], Condition]


class FilterError(ValueError):
    """A filter's value is wrong; the message says how."""


@dataclass(frozen=True)
class Listing:
    """What can be listed, and by what it can be found."""

    prefix: str
    #: Table with a condition, e.g. ``entities WHERE kind = 'customer'``.
    source: str
    read: Callable[[Row], Entity]
    filters: Mapping[str, Filter] = field(default_factory=dict)
    #: Sortable fields and their SQL.
    orders: Mapping[str, str] = field(default_factory=lambda: {"id": "id"})
    #: Filters that hold unless the caller names them.
    defaults: Mapping[str, str] = field(default_factory=dict)
    per_page: int = 50
    most_per_page: int = 200
    #: Parameters that somebody else looks at.
    others: frozenset[str] = frozenset({"include"})


@dataclass(frozen=True)
class Page:
    """One page of a list."""

    entities: list[Entity]
    per_page: int
    has_more: bool
    estimated_total: int
    #: Cursor of the next page, also when there is none.
    after: str | None


def one_of(sql: str, allowed: Iterable[str] | None = None) -> Filter:
    """Match any of several values, separated by commas."""

    def condition(value: str, _: str | None) -> Condition:
        wanted = value.split(",")
        unknown = set(wanted) - set(allowed) if allowed else set()
        if unknown:
            message = f"must not be {', '.join(sorted(unknown))}"
            raise FilterError(message)
        return f"{sql} IN ({', '.join('?' * len(wanted))})", wanted

    return condition


def in_list(sql: str, path: str) -> Filter:
    """Match what stands at a path in any element of a JSON list."""
    found = f"SELECT 1 FROM json_each({sql}) WHERE json_extract(value, '{path}')"  # noqa: S608

    def condition(value: str, _: str | None) -> Condition:
        wanted = value.split(",")
        return f"EXISTS ({found} IN ({', '.join('?' * len(wanted))}))", wanted

    return condition


def or_null(sql: str) -> Filter:
    """Match like ``one_of``; the word ``null`` matches what is empty."""
    plain = one_of(sql)

    def condition(value: str, operator: str | None) -> Condition:
        return (f"{sql} IS NULL", []) if value == "null" else plain(value, operator)

    return condition


def containing(*sql: str) -> Filter:
    """Match a part of any of the fields."""

    def condition(value: str, _: str | None) -> Condition:
        parts = [f"instr(lower(coalesce({field}, '')), lower(?)) > 0" for field in sql]
        return f"({' OR '.join(parts)})", [value] * len(sql)

    return condition


def instant(sql: str, fixed: str | None = None) -> Filter:
    """Compare an instant with the operator in brackets."""

    def condition(value: str, operator: str | None) -> Condition:
        try:
            instant_of(value)
        except ValueError:
            message = "must be an RFC 3339 datetime"
            raise FilterError(message) from None
        sign = _OPERATORS[fixed or operator]
        return f"instant({sql}) {sign} instant(?)", [value]

    return condition


def truth(sql: str) -> Filter:
    """Match ``true`` or ``false`` against a condition."""

    def condition(value: str, _: str | None) -> Condition:
        if value not in {"true", "false"}:
            message = "must be true or false"
            raise FilterError(message)
        return (sql, []) if value == "true" else (f"NOT ({sql})", [])

    return condition


def page_of(
    store: Store,
    listing: Listing,
    query: Iterable[tuple[str, str]],
    within: Condition | None = None,
) -> Page:
    """Return a page.

    Raises:
        ApiError: ``invalid_field`` for a parameter that is unknown or wrong.

    """
    given = dict(query)
    conditions = [within] if within else []
    conditions += _conditions(listing, given)
    per_page = _per_page(listing, given.get("per_page"))
    sql, values = _where(listing, conditions)
    total = store.value(f"SELECT count(*) FROM {sql}", values)  # noqa: S608
    order_sql, cursor = _order(store, listing, given)
    sql, values = _where(listing, conditions + cursor)
    rows = store.rows(
        f"SELECT * FROM {sql} ORDER BY {order_sql} LIMIT ?",  # noqa: S608
        (*values, per_page + 1),
    )
    after = rows[:per_page][-1]["id"] if rows else given.get("after")
    return Page(
        entities=[listing.read(row) for row in rows[:per_page]],
        per_page=per_page,
        has_more=len(rows) > per_page,
        estimated_total=min(total, ESTIMATE_CAP),
        after=after,
    )


def _conditions(listing: Listing, given: Mapping[str, str]) -> list[Condition]:
    conditions = []
    for key, value in {**listing.defaults, **given}.items():
        match = _PARAMETER.fullmatch(key)
        name, operator = match.groups() if match else (key, None)
        if name in _PAGING or name in listing.others:
            continue
        # Paddle's answer to an unknown parameter is not documented; a misspelt filter
        # that lists everything would be worse than an error.
        if name not in listing.filters:
            raise invalid((key, "unknown query parameter"))
        try:
            conditions.append(listing.filters[name](value, operator))
        except FilterError as error:
            raise invalid((key, str(error))) from None
    return conditions


def _per_page(listing: Listing, text: str | None) -> int:
    if text is None:
        return listing.per_page
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise invalid(("per_page", "must be a whole number from 1"))
    return min(int(text), listing.most_per_page)


def _order(
    store: Store, listing: Listing, given: Mapping[str, str]
) -> tuple[str, list[Condition]]:
    match = _ORDER.fullmatch(given.get("order_by", "id[DESC]"))
    if not match or match[1] not in listing.orders:
        raise _wrong_order(listing)
    sql, direction = listing.orders[match[1]], match[2].upper()
    order_sql = f"{sql} {direction}, id {direction}"
    after = given.get("after")
    if after is None:
        return order_sql, []
    if not is_paddle_id(after, listing.prefix):
        raise invalid(("after", f"must be an id that begins with {listing.prefix}_"))
    sign = ">" if direction == "ASC" else "<"
    if sql == "id":
        return order_sql, [(f"id {sign} ?", [after])]
    place = store.value(
        f"SELECT {sql} FROM {listing.source} AND id = ?",  # noqa: S608
        (after,),
    )
    return order_sql, [(f"({sql}, id) {sign} (?, ?)", [place, after])]


def _wrong_order(listing: Listing) -> ApiError:
    fields = ", ".join(sorted(listing.orders))
    return invalid(("order_by", f"must be one of {fields} with [ASC] or [DESC]"))


def _where(listing: Listing, conditions: list[Condition]) -> Condition:
    sql = "".join(f" AND {condition}" for condition, _ in conditions)
    return listing.source + sql, [value for _, values in conditions for value in values]
