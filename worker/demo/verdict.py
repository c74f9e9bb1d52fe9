"""Holds the testimonies against each other. Pure: the same evidence, the same verdict."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from models.alerts import AlertState
from worker.demo.entitled import Place, believed, differences, entitled
from worker.demo.evidence import LEDGER, Evidence, broken_on_purpose
from worker.demo.goods import Goods, read_goods
from worker.demo.past import FINDINGS
from worker.demo.told import mails_by_kind, mails_doubled, order_differences

#: What must be 0 for the day to count as good.
MUST_BE_ZERO = (
    "lost",
    "mails_doubled",
    "duplicated_effects",
    "unexpected_dead",
    "access_differences",
    "platform_differences",
    "order_differences",
    "incomplete_runs",
    "differences_after",
    "rows_changed_by_second_run",
)
#: What must be there.
MUST_BE_SOME = ("missed", "missed_failed", "missed_not_subscribed")
STATES = ("processed", "stale", "ignored", "dead")
COMPARED = ("has_access", "state", "reason", "version")
#: So many differences are named; the first ones mostly tell why.
MOST_NAMED = 10
ENROLLED = ("active", "suspended", "ended")
#: How an event ends that has had its effect.
HEALED = ("processed", "stale", "ignored")


def figures_of(evidence: Evidence, seconds: float) -> dict[str, Any]:
    """Count; the meaning of each figure is in ``docs/demo.md``."""
    counts = evidence.truth["counts"]
    states = Counter(evidence.inbox.values())
    enrolled = Counter(row["state"] for row in evidence.enrollments)
    goods = read_goods()
    answers = evidence.answers
    return {
        "events_sent": counts["events"],
        "deliveries": counts["deliveries"],
        "answered_200": counts["answered_200"],
        "answers_lost": counts["answers_lost"],
        "refused": counts["refused"],
        "unanswered": counts["unanswered"],
        "stored": len(evidence.inbox),
        "duplicate": answers.get("duplicate", 0) + answers.get("variant", 0),
        **{state: states[state] for state in STATES},
        "parked": evidence.parked,
        "fetched": len(evidence.fetched),
        "listed": len(evidence.reconciled.listed),
        "simulated": len(evidence.simulated),
        "subscriptions": len(evidence.subscriptions),
        "adjustments": len(evidence.adjustments),
        "findings": sum(evidence.findings.values()),
        "unexpected_dead": len(unexpected_dead(evidence)) + evidence.other_dead,
        "enrollments": len(evidence.enrollments),
        **{f"enrollments_{state}": enrolled[state] for state in ENROLLED},
        "ended_by_clock": evidence.ended_by_clock,
        "mails": len(evidence.mails),
        "mails_by_kind": mails_by_kind(evidence),
        "mails_doubled": mails_doubled(evidence),
        "lost": len(list(lost(evidence))),
        "duplicated_effects": duplicated_effects(evidence),
        "access_differences": len(access_differences(evidence, goods)),
        "platform_differences": len(platform_differences(evidence, goods)),
        "orders_told": len(evidence.platform_orders),
        "order_differences": len(order_differences(evidence)),
        "alerts_opened": len(evidence.alerts),
        **{
            f"alerts_{state}": sum(alert["state"] == state for alert in evidence.alerts)
            for state in (AlertState.RESOLVED, AlertState.OPEN)
        },
        "alert_messages": len(evidence.heard),
        "flower_retry": evidence.flower.get("RETRY", 0),
        "flower_failure": evidence.flower.get("FAILURE", 0),
        "incomplete_runs": len(evidence.reconciled.unfinished),
        "seconds": round(seconds, 1),
        **missed_figures(evidence),
        "differences_after": len(evidence.reconciled.differences),
        "rows_changed_by_second_run": sum(evidence.reconciled.changed.values()),
    }


def missed_figures(evidence: Evidence) -> dict[str, int]:
    """Count what no delivery brought, by Paddle's word, and what came of it by ours.

    What a run found before its delivery came after all is late, not missed.
    """
    reconciled = evidence.reconciled
    events = evidence.truth["events"]
    delivered = {event["event_id"] for event in events if event["answered_200"]}
    missed = reconciled.missed.keys() - delivered
    why = Counter(reconciled.missed[event_id] for event_id in missed)
    ends = Counter(reconciled.listed.get(event_id) for event_id in missed)
    return {
        "undelivered": len(events) - len(delivered),
        "late": len(reconciled.missed) - len(missed),
        "missed_failed": why["failed"],
        "missed_not_subscribed": why["not_subscribed"],
        "missed": len(missed),
        "healed": sum(ends[state] for state in HEALED),
    }


def problems_of(figures: dict[str, Any]) -> list[str]:
    """Return a sentence for each figure that must not be and each broken identity."""
    problems = [
        f"{name} is {figures[name]}, not 0" for name in MUST_BE_ZERO if figures[name]
    ]
    problems += [f"{name} is 0" for name in MUST_BE_SOME if not figures[name]]
    identities = {
        "deliveries": ("answered_200", "refused", "unanswered"),
        "answered_200": ("stored", "duplicate"),
        "stored": STATES,
        "listed": ("missed", "late"),
        "undelivered": ("missed",),
        "missed": ("healed",),
        "enrollments": tuple(f"enrollments_{state}" for state in ENROLLED),
    }
    for whole, parts in identities.items():
        total = sum(figures[part] for part in parts)
        if figures[whole] != total:
            terms = " + ".join(f"{part} {figures[part]}" for part in parts)
            problems.append(f"{whole} is {figures[whole]}, but {terms} is {total}")
    return problems


def finding_problems(evidence: Evidence) -> list[str]:
    """Return a sentence for each thing that a person should look at and cannot find."""
    missing = sorted(FINDINGS - evidence.findings.keys())
    return [f"no finding tells of {kind}" for kind in missing]


def named_differences(evidence: Evidence) -> list[str]:
    """Return what differs, and for whom in whose words access is not as it should be."""
    goods, reconciled = read_goods(), evidence.reconciled
    told = {
        "our rows": access_differences(evidence, goods),
        "the platform": platform_differences(evidence, goods),
    }
    named = [
        f"{who}: {place.person} and {place.course}"
        for who, places in told.items()
        for place in places[:MOST_NAMED]
    ]
    orders = order_differences(evidence)[:MOST_NAMED]
    named += [f"the platform: order {transaction}" for transaction in orders]
    named += [*reconciled.differences[:MOST_NAMED], *reconciled.unfinished]
    changed = reconciled.changed.items()
    return [*named, *(f"{count} rows of {table} changed" for table, count in changed)]


def lost(evidence: Evidence) -> Iterator[str]:
    """Return events that were answered 200, or given up, and have not come to an end.

    And what stands otherwise in our ledger than at Paddle.
    """
    events = [event["event_id"] for event in evidence.truth["events"]]
    brought = {**evidence.reconciled.listed, **evidence.inbox}
    for event_id in (*events, *evidence.simulated):
        if brought.get(event_id) not in STATES:
            yield event_id
    for event_id, state in evidence.fetched.items():
        if state not in STATES:
            yield event_id
    for name in LEDGER:
        ours: dict[str, str] = getattr(evidence, name)
        for entity in evidence.truth[name]:
            if ours.get(entity["id"]) != entity["status"]:
                yield entity["id"]


def unexpected_dead(evidence: Evidence) -> list[str]:
    """Return dead events that were not sent broken on purpose."""
    inbox = {**evidence.fetched, **evidence.reconciled.listed, **evidence.inbox}
    dead = {event for event, state in inbox.items() if state == "dead"}
    return sorted(dead - broken_on_purpose(evidence.truth))


def duplicated_effects(evidence: Evidence) -> int:
    """Count what happened twice: mails, rows of history, forgeries taken."""
    forged = {
        extra["event_id"]
        for extra in evidence.truth["extras"]
        if extra["kind"] == "forged"
    }
    taken = len(forged & (evidence.inbox.keys() | evidence.reconciled.listed.keys()))
    return mails_doubled(evidence) + evidence.crooked_histories + taken


def access_differences(evidence: Evidence, goods: Goods) -> list[Place]:
    """Return who has other access than Paddle's facts say, by the view or beneath it."""
    due = entitled(evidence.truth, evidence.users, goods, evidence.grace)
    wrong = differences(due, believed(evidence.access))
    return sorted(wrong | differences(due, believed(evidence.enrollments)))


def platform_differences(evidence: Evidence, goods: Goods) -> list[Place]:
    """Return where the platform believes something else than our rows, or than is due."""

    def by_place(rows: list[dict[str, Any]]) -> dict[Place, list[Any]]:
        return {
            Place(row["learner_ref"], row["course_key"]): [row[n] for n in COMPARED]
            for row in rows
        }

    ours, theirs = by_place(evidence.access), by_place(evidence.platform)
    places = ours.keys() | theirs.keys()
    differing = {place for place in places if ours.get(place) != theirs.get(place)}
    due = entitled(evidence.truth, evidence.users, goods, evidence.grace)
    return sorted(differing | differences(due, believed(evidence.platform)))
