"""Compares a page of the provider's entities with our rows. Writes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto

from sqlalchemy import Connection, func, select

from models.access_rules import PAID_STATUSES
from models.clock import Clock
from models.findings import FindingKind
from models.reconciliation import RunKind, RunScope
from models.snapshot import Snapshot
from models.snapshots import SubscriptionSnapshot, TransactionSnapshot
from worker.differences import Known, Told, differences, snapshot_of
from worker.errors import MalformedPayloadError
from worker.findings import Found
from worker.providers.contract import SyntheticEvent
from worker.providers.registry import PROVIDERS
from worker.reconciliation.run import Run

#: How each kind of entity is called where events are made of it.
KINDS = {
    RunKind.CUSTOMERS: "customer",
    RunKind.TRANSACTIONS: "transaction",
    RunKind.SUBSCRIPTIONS: "subscription",
    RunKind.ADJUSTMENTS: "adjustment",
}
#: What has changed just now is not looked at: its event is under way.
PATIENCE = timedelta(seconds=60)
#: Where we know more than the provider shows, it is given that long to show it.
PATIENCE_WITH_THE_PROVIDER = timedelta(minutes=10)
#: What stands for all fields of an entity that we have nothing of.
MISSING = "missing"


class Verdict(Enum):
    """What comes of one entity."""

    #: The provider says what we have.
    SAME = auto()
    #: Too new to say.
    LATER = auto()
    #: The provider knows better, and its word wins by the order of ``models.clock``.
    HEAL = auto()
    #: They differ, and its word would not win: a person must look.
    DIFFERS = auto()
    #: We know something newer.
    NEWER = auto()


@dataclass(frozen=True, slots=True)
class Differing:
    """An entity to be healed."""

    entity: bytes
    told: Told
    known: Known | None


@dataclass(slots=True)
class Compared:
    """What comes of a page."""

    #: The same on both sides, by id, with the event that our row comes from.
    same: dict[str, str] = field(default_factory=dict)
    #: Ids of which nothing can be said now.
    later: list[str] = field(default_factory=list)
    heal: list[Differing] = field(default_factory=list)
    found: list[Found] = field(default_factory=list)
    #: How many could not be understood, and of how many of those not even the id.
    unreadable: int = 0
    nameless: int = 0
    #: When the oldest of the page came to be, as far as it is known.
    oldest: datetime | None = None


def compare(connection: Connection, run: Run, entities: Sequence[bytes]) -> Compared:
    """Compare a page of entities with our rows, without locking them."""
    compared = Compared()
    read = _read(run, entities, compared)
    wanted = [(raw, told) for raw, told in read if is_wanted(run, told)]
    known = differences(connection, [told.snapshot for _, told in wanted])
    now = connection.execute(select(func.now())).scalar_one()
    for raw, told in wanted:
        mine = known.get(told.snapshot.key)
        _take(compared, run, Differing(raw, told, mine), now)
    return compared


def is_wanted(run: Run, told: Told) -> bool:
    """Tell whether a run looks at an entity.

    What a backfill leaves out by its time is not left out where access hangs on it:
    subscriptions that still live, purchases for good, periods that reach into the time,
    and what took any of it back; and customers, who are whose they are. So an account
    has what it ever bought, whether it is known before the backfill or comes after it.
    """
    if run.scope is not RunScope.BACKFILL or run.since is None:
        return True
    snapshot = told.snapshot
    return snapshot.clock.updated_at >= run.since or _bears_on_access(
        snapshot, run.since
    )


def _bears_on_access(snapshot: Snapshot, since: datetime) -> bool:
    if isinstance(snapshot, SubscriptionSnapshot):
        return snapshot.status != "canceled"
    if not isinstance(snapshot, TransactionSnapshot):
        return True
    if snapshot.status not in PAID_STATUSES:
        return False
    period_ends_at = snapshot.period_ends_at
    if period_ends_at is not None and period_ends_at >= since:
        return True
    return any(not line.recurring for line in snapshot.lines)


def verdict_of(told: Clock, known: Known | None, now: datetime) -> Verdict:
    """Decide on an entity, by the clock of what was told and what is known of it.

    Where both tell the same state of the entity and yet differ, our row was changed by
    somebody else than us: the provider's word is right.
    """
    if known is not None and not known.fields:
        return Verdict.SAME
    if known is None or told[:3] >= known.clock[:3]:
        is_new = told.updated_at > now - PATIENCE
        return Verdict.LATER if is_new else Verdict.HEAL
    if told.updated_at >= known.clock.updated_at:
        return Verdict.DIFFERS
    is_new = known.clock.updated_at > now - PATIENCE_WITH_THE_PROVIDER
    return Verdict.LATER if is_new else Verdict.NEWER


def _read(
    run: Run, entities: Sequence[bytes], compared: Compared
) -> list[tuple[bytes, Told]]:
    kind, read = KINDS[run.kind], []
    for raw in entities:
        event = None
        try:
            event = PROVIDERS[run.provider].synthetic(kind, raw)
            told = Told(event, snapshot_of(run.provider, event))
        except MalformedPayloadError as error:
            _note_unreadable(compared, event, {"kind": kind, "reason": str(error)})
            continue
        created_at = event.created_at
        if created_at is not None:
            compared.oldest = min(created_at, compared.oldest or created_at)
        read.append((raw, told))
    return read


def _note_unreadable(
    compared: Compared, event: SyntheticEvent | None, detail: dict[str, str]
) -> None:
    compared.unreadable += 1
    if event is None:
        compared.nameless += 1
        return
    kind = FindingKind.UNREADABLE_AT_PROVIDER
    compared.found.append(Found(kind, event.entity_id, detail=detail))


def _take(compared: Compared, run: Run, one: Differing, now: datetime) -> None:
    entity_id, known = one.told.snapshot.key.id, one.known
    verdict = verdict_of(one.told.snapshot.clock, known, now)
    if verdict is Verdict.SAME and known is not None:
        compared.same[entity_id] = known.clock.event
    elif verdict is Verdict.LATER:
        compared.later.append(entity_id)
    elif verdict is Verdict.NEWER:
        compared.found.append(_found(FindingKind.NEWER_THAN_PROVIDER, run, one))
    else:
        if verdict is Verdict.HEAL:
            compared.heal.append(one)
        if verdict is Verdict.DIFFERS or run.scope is not RunScope.BACKFILL:
            compared.found.append(_found(FindingKind.DIFFERS_FROM_PROVIDER, run, one))


def _found(kind: FindingKind, run: Run, one: Differing) -> Found:
    # Not the run: what a person has accepted stays so while it says the same.
    fields = one.known.fields if one.known else [MISSING]
    detail = {"kind": KINDS[run.kind], "fields": fields}
    return Found(kind, one.told.snapshot.key.id, detail=detail)
