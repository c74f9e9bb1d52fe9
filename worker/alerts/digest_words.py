"""The digest in words: short lines that read well in a chat and in a mail."""

from collections.abc import Iterator, Mapping

from worker.alerts.digest import Digest, Sum
from worker.alerts.words import span
from worker.money import money
from worker.wording import counted

#: Below this, tenths of a second say something.
FEW_SECONDS = 10
#: More are not named in the title.
MOST_CURRENCIES = 3


def words(digest: Digest) -> tuple[str, str]:
    """Return title and text. What is zero is left out, as far as nothing is hidden."""
    place = "" if digest.environment == "production" else f"[{digest.environment}] "
    head = f"{place}The shop on {digest.day:%a} {digest.day}"
    if digest.is_empty:
        nothing = "nothing happened and nothing waits."
        return f"{head}: {nothing}", nothing.capitalize()
    bought = _sum(digest.purchases, "purchase")
    # A title is one line everywhere.
    currencies = len(digest.purchases.money)
    many = f"{counted(digest.purchases.count, 'purchase')} in {currencies} currencies"
    title = f"{head}: {many if currencies > MOST_CURRENCIES else bought}"
    return title, "\n".join(_lines(digest, bought))


def _lines(digest: Digest, bought: str) -> Iterator[str]:
    yield from _shop(digest, bought)
    yield ""
    yield from _waiting(digest)
    yield from _house(digest)


def _shop(digest: Digest, bought: str) -> Iterator[str]:
    yield f"Bought: {bought}"
    if digest.refunds.count:
        yield f"Paid back: {_sum(digest.refunds, 'refund')}"
    if digest.given or digest.ended:
        yield f"Access: {digest.given:,} given, {digest.ended:,} ended"
    yield from _access_times(digest)
    yield from _checkouts(digest)
    if digest.payments_failed:
        failed = sum(digest.payments_failed.values())
        yield f"Payments that failed: {failed:,}"
    for reason, count in digest.payments_failed.items():
        yield f"- {count:,}: {reason}"


def _checkouts(digest: Digest) -> Iterator[str]:
    if not digest.checkouts_opened:
        return
    share = digest.checkouts_paid / digest.checkouts_opened
    yield (
        f"Checkouts: {digest.checkouts_opened:,} opened,"
        f" {digest.checkouts_paid:,} of them paid by now ({share:.0%})"
    )
    if len(digest.checkouts_by_price) > 1:
        for one in digest.checkouts_by_price:
            share = one.paid / one.opened
            # The id too: two prices may have one name.
            name = f"{one.name} ({one.price_id})" if one.name else one.price_id
            yield f"- {name}: {one.opened:,} opened, {one.paid:,} paid ({share:.0%})"
    if digest.checkouts_prices_more:
        yield f"- and {counted(digest.checkouts_prices_more, 'price')} more"


def _access_times(digest: Digest) -> Iterator[str]:
    times = digest.access
    if times.p50_seconds is None or times.p99_seconds is None:
        return
    half, most = _seconds(times.p50_seconds), _seconds(times.p99_seconds)
    yield f"From paid to access: half within {half} (p50), 99 of 100 within {most} (p99)"
    if times.worst_seconds is not None and times.worst_seconds > times.p99_seconds:
        yield f"The slowest: {_seconds(times.worst_seconds)}"


def _waiting(digest: Digest) -> Iterator[str]:
    single = digest.single
    if not (digest.parked_now.count or single.dead_now or single.alerts_open_now):
        yield "Nothing waits for a person."
    if digest.parked_now.count:
        yield f"Paid, but parked now: {_sum(digest.parked_now, 'line')}"
        yield "  ./paddlewheel parked list"
    if single.dead_now:
        yield f"Open now: {counted(single.dead_now, 'dead letter')}"
        yield "  ./paddlewheel deadletters list"
    if single.alerts_open_now:
        yield f"Open now: {counted(single.alerts_open_now, 'alert')}"
        yield "  ./paddlewheel alerts list"


def _house(digest: Digest) -> Iterator[str]:
    single, mails = digest.single, digest.mails
    if single.dead_new:
        yield f"New that day: {counted(single.dead_new, 'dead letter')}"
    if single.released or single.replayed:
        yield (
            f"Healed: {counted(single.released, 'parked course')} released,"
            f" {counted(single.replayed, 'dead letter')} replayed"
        )
    if mails != type(mails)():
        doubtful = f", {mails.doubtful:,} doubtful" if mails.doubtful else ""
        yield (
            f"Messages: {mails.sent:,} sent, {mails.skipped:,} skipped,"
            f" {mails.failed:,} failed{doubtful}"
        )
    if single.alerts_opened or single.alerts_resolved:
        yield (
            f"Alerts: {single.alerts_opened:,} opened,"
            f" {single.alerts_resolved:,} resolved"
        )


def _sum(found: Sum, noun: str) -> str:
    return ", ".join([counted(found.count, noun), *_amounts(found.money)])


def _amounts(sums: Mapping[str, int]) -> list[str]:
    return [money(minor, currency) for currency, minor in sums.items()]


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < FEW_SECONDS else span(seconds)
