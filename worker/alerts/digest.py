"""A day of the shop in figures, counted from rows when they are asked for.

A day is one of UTC. Money is per currency and never added up across. What becomes known
later (a delivery that Paddle repeats for days) changes an old day's figures: nothing is
stored but the message.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Connection, Row, TextClause

from worker.alerts import digest_statements as statements
from worker.alerts.access_times import AccessTimes, access_times
from worker.alerts.words import clean
from worker.money import add_up
from worker.providers.registry import PROVIDERS
from worker.settings import Settings

#: Reasons of failed payments that are named; the rest is counted together.
MOST_REASONS = 10
MOST_REASON_CHARS = 100
OTHER_REASONS = "other reasons"
NO_TIMES = AccessTimes(0, None, None, None)


@dataclass(frozen=True, slots=True)
class Sum:
    """So many things, and their money."""

    count: int = 0
    #: Currency to minor units.
    money: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Conversion:
    """Checkouts with a price that were opened, and how many are paid by now."""

    provider: str
    price_id: str
    #: Of the price; two may have the same. Empty: it has none.
    name: str
    opened: int
    paid: int


@dataclass(frozen=True, slots=True)
class Mails:
    """Messages to people by how they ended; JSON calls them mails."""

    sent: int = 0
    skipped: int = 0
    failed: int = 0
    #: Nobody knows whether they went out.
    doubtful: int = 0


@dataclass(frozen=True, slots=True)
class Single:
    """Figures that are one number each."""

    dead_now: int = 0
    #: Dead letters that came that day, whatever became of them.
    dead_new: int = 0
    #: Dead letters that were given another chance.
    replayed: int = 0
    #: Enrollments whose access had waited for a mapping that has appeared.
    released: int = 0
    alerts_opened: int = 0
    alerts_resolved: int = 0
    alerts_open_now: int = 0


@dataclass(frozen=True, slots=True)
class Digest:
    """A day. Figures named ``…_now`` are of the moment of asking."""

    day: date
    environment: str
    purchases: Sum = Sum()
    refunds: Sum = Sum()
    given: int = 0
    ended: int = 0
    #: From paid to access.
    access: AccessTimes = NO_TIMES
    #: How many payments failed, by what a person calls the reason, most first.
    payments_failed: Mapping[str, int] = field(default_factory=dict)
    checkouts_opened: int = 0
    #: How many of those are paid by now.
    checkouts_paid: int = 0
    #: Most opened first.
    checkouts_by_price: tuple[Conversion, ...] = ()
    #: Prices that are too many to stand there.
    checkouts_prices_more: int = 0
    #: Lines of purchases.
    parked_now: Sum = Sum()
    mails: Mails = Mails()
    single: Single = Single()

    @property
    def is_empty(self) -> bool:
        """Whether nothing happened and nothing waits."""
        return self == Digest(self.day, self.environment)

    def as_json(self) -> dict[str, Any]:
        """Return all of it as JSON can hold it."""
        whole = asdict(self)
        return {**whole.pop("single"), **whole}


def digest_of(connection: Connection, day: date, config: Settings) -> Digest:
    """Count a day.

    Args:
        connection: Where to look; nothing is changed.
        day: A day of UTC, over or not.
        config: Says whether access counts from the course platform's word.
    """
    begin = beginning_of(day)
    span = {"begin": begin, "end": begin + timedelta(days=1)}

    def ask(statement: TextClause) -> list[Row[Any]]:
        return list(connection.execute(statement, span))

    (enrollments,), (checkouts,) = (
        ask(statements.ENROLLMENTS),
        ask(statements.CHECKOUTS),
    )
    prices = ask(statements.CHECKOUTS_BY_PRICE)
    (single,) = ask(statements.SINGLE)
    return Digest(
        day=day,
        environment=config.paddle_environment.value,
        purchases=_sum(ask(statements.PURCHASES)),
        refunds=_sum(ask(statements.REFUNDS)),
        given=enrollments.given,
        ended=enrollments.ended,
        access=access_times(
            connection, **span, to_platform=config.platform_hook_url is not None
        ),
        payments_failed=_reasons(ask(statements.FAILED_PAYMENTS)),
        checkouts_opened=checkouts.opened,
        checkouts_paid=checkouts.paid,
        checkouts_by_price=tuple(map(_conversion, prices)),
        checkouts_prices_more=prices[0].prices - len(prices) if prices else 0,
        parked_now=_sum(ask(statements.PARKED)),
        mails=_mails(ask(statements.MESSAGES)),
        single=Single(**single._mapping),  # noqa: SLF001 (public API)
    )


def beginning_of(day: date) -> datetime:
    """Return the first moment of a day of UTC."""
    return datetime.combine(day, time(), UTC)


def _sum(rows: Iterable[Row[Any]]) -> Sum:
    counted = [(clean(row.currency or "?", 3), row) for row in rows]
    money = add_up((currency, int(row.minor)) for currency, row in counted)
    in_order = dict(sorted(money.items()))
    return Sum(sum(row.number for _, row in counted), in_order)


def _conversion(row: Row[Any]) -> Conversion:
    price, name = (clean(one, MOST_REASON_CHARS) for one in (row.price_id, row.name))
    return Conversion(row.provider, price, name, row.opened, row.paid)


def _mails(rows: Iterable[Row[Any]]) -> Mails:
    counts = {row.state: row.number for row in rows}
    return Mails(*(counts.get(name, 0) for name in Mails.__dataclass_fields__))


def _reasons(rows: Iterable[Row[Any]]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for row in rows:
        provider = PROVIDERS.get(row.provider)
        words = provider.failure_words(row.error_code) if provider else row.error_code
        reason = clean(words or "no reason was told", MOST_REASON_CHARS)
        counts[reason] = counts.get(reason, 0) + row.number
    listed = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    rest = sum(count for _, count in listed[MOST_REASONS:])
    named = dict(listed[:MOST_REASONS])
    return {**named, OTHER_REASONS: rest} if rest else named
