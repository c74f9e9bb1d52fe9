"""Why something bought has given no access yet, in one sentence. Pure."""

from models.access import GrantSource
from models.access_rules import LIVE_STATUSES, PAID_STATUSES
from models.subscription_rules import SERVED
from worker.explain.facts import Setup, Source, Verdict, Waiting
from worker.explain.words import day

UNKNOWN_PRICE = "unknown price"
RELEASE = "./paddlewheel parked release"


def verdicts_of(waiting: Waiting, setup: Setup) -> list[Verdict]:
    """Say why a source has given nothing; one sentence for each price it waits for."""
    if waiting.parked:
        return [_parked(waiting.source, *one) for one in waiting.parked]
    if waiting.source.kind is GrantSource.SUBSCRIPTION:
        sentence = _subscription(waiting.source, gives=waiting.has_own_lines)
    else:
        sentence = _purchase(waiting, setup)
    step = RELEASE if "is about to be given" in sentence else None
    return [Verdict(sentence, has_access=False, next_step=step)]


def _parked(source: Source, reason: str, price: str) -> Verdict:
    if source.kind is GrantSource.SUBSCRIPTION:
        since = f"subscribed since {day(source.started_at)} with {source.id}"
    else:
        since = f"paid on {day(source.started_at)} with {source.id}"
    if reason == UNKNOWN_PRICE:
        why = f"nobody has said which course price {price} gives; put it into the"
        sentence = f"No access yet: {since}, but {why} catalog file."
        step = f"./paddlewheel catalog map {price} COURSE"
        return Verdict(sentence, has_access=False, reason=reason, next_step=step)
    customer = source.customer_id or "no customer at all"
    sentence = (
        f"No access yet: {since}, but the buyer ({customer}) is not known: no event told"
        " of that customer. Replay its customer event in the provider's dashboard."
    )
    step = "./paddlewheel parked list"
    return Verdict(sentence, has_access=False, reason=reason, next_step=step)


def _purchase(waiting: Waiting, setup: Setup) -> str:
    source = waiting.source
    if source.is_stub:
        return _stub(source)
    if not waiting.has_own_lines:
        return _for_something_else(source)
    if waiting.is_refunded:
        return f"No access: {source.id} was refunded whole before it gave any."
    if source.status not in PAID_STATUSES:
        return _not_paid(source)
    if source.status in LIVE_STATUSES[setup.access_from]:
        return (
            f"No access yet: paid on {day(source.started_at)} with {source.id};"
            " price and buyer are known by now, and access is about to be given."
        )
    return (
        f"No access yet: {source.id} is {source.status!r}; access comes when it is"
        f" {setup.access_from!r}."
    )


def _stub(source: Source) -> str:
    return f"No access: only other events name {source.id}; its own have not come."


def _for_something_else(source: Source) -> str:
    if source.subscription_id:
        return (
            f"{source.id} pays for {source.subscription_id}, which decides on access."
        )
    return f"{source.id} has no line that gives access by itself."


def _not_paid(source: Source) -> str:
    failed = (
        f" The last payment failed on {day(source.failed_at)}: {source.failure}."
        if source.failure
        else ""
    )
    if source.status == "billed":
        return f"No access yet: {source.id} is only billed; nobody has paid it.{failed}"
    if source.status == "canceled":
        return f"No access: {source.id} was canceled before it was paid.{failed}"
    return f"No access: nothing was paid with {source.id}, it is {source.status!r}.{failed}"


def _subscription(source: Source, *, gives: bool) -> str:
    if source.is_stub:
        return _stub(source)
    if source.status in SERVED and source.is_manual:
        return f"No access yet: {source.id} is paid by invoice, and none has been paid."
    if source.status in SERVED and not gives:
        return f"{source.id} has no item that gives access."
    if source.status in SERVED:
        return (
            f"No access yet: subscribed since {day(source.started_at)} with"
            f" {source.id}; price and buyer are known by now, and access is about to be"
            " given."
        )
    return f"No access: {source.id} is {source.status!r}, and never gave any."
