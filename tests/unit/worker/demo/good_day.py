"""A small day on which everything is as it should be, to be spoiled."""

from datetime import datetime, timedelta
from typing import Any

from worker.demo.alert_verdict import alert_problems
from worker.demo.entitled import ACTIVE
from worker.demo.evidence import Evidence, Mail
from worker.demo.goods import BASICS, CLUB, EXAM, SQL, WORKSHOP
from worker.demo.past import FINDINGS
from worker.demo.reconciled import Reconciled
from worker.demo.verdict import figures_of, finding_problems, problems_of

NOW = "2027-03-10T12:00:00Z"
PAID = "2027-03-01T12:00:00Z"
#: 30 days after that.
EXAM_ENDS = "2027-03-31T12:00:00+00:00"
RENEWED = "2027-03-08T12:00:00Z"
GRACE_ENDS = "2027-03-15T12:00:00+00:00"
CANCELS = "2027-03-20T12:00:00+00:00"

#: Who bought what, and what the rows should say: state, end, seats.
BOUGHT: dict[tuple[str, str], tuple[str, str | None, int]] = {
    ("ada", BASICS): ("active", None, 1),
    ("gil", BASICS): ("ended", None, 1),  # refunded
    ("hal", BASICS): ("suspended", None, 1),  # disputed
    ("ivo", WORKSHOP): ("active", None, 3),
    ("kim", EXAM): ("active", EXAM_ENDS, 1),
    ("lea", BASICS): ("active", None, 1),  # as a guest
    ("lea", SQL): ("active", "2028-02-29T12:00:00+00:00", 1),
}
SUBSCRIBED: dict[str, tuple[str, str | None]] = {
    "bo": ("active", GRACE_ENDS),
    "cy": ("active", CANCELS),
    "di": ("ended", None),
    "ed": ("suspended", None),  # paused
}
COURSES = {
    BASICS: "python-basics",
    SQL: "sql-in-depth",
    EXAM: "exam-training",
    WORKSHOP: "live-workshop",
    CLUB: "study-club",
}
#: The user that an address turned out to be.
USERS = {"lea": "user-lea"}
TOKENS = {"token-of-lea": "user-lea"}


def email_of(name: str) -> str:
    return f"{name}@example.com"


def reason(name: str, price: str, state: str, **changes: Any) -> dict[str, Any]:
    whole = {
        "email": email_of(name),
        "price_id": price,
        "courses": [COURSES[price]],
        "state": state,
        "since": PAID,
        "quantity": 3 if price == WORKSHOP else 1,
        "custom_data": None,
        "transaction_id": f"txn_{name}",
        "subscription_id": None,
    }
    return {**whole, **changes}


def subscription(name: str) -> dict[str, Any]:
    status = {"bo": "past_due", "di": "canceled", "ed": "paused"}.get(name, "active")
    cancels = {"action": "cancel", "effective_at": CANCELS}
    period = {"starts_at": RENEWED, "ends_at": CANCELS}
    return {
        "id": f"sub_{name}",
        "status": status,
        "scheduled_change": cancels if name == "cy" else None,
        "current_billing_period": None if name in {"di", "ed"} else period,
    }


def row(name: str, price: str, state: str, until: str | None = None) -> dict[str, Any]:
    return {
        "learner_ref": USERS.get(name, f"lrn_{name}"),
        "email": email_of(name).title(),
        "course_key": COURSES[price],
        "has_access": state == ACTIVE,
        "state": state,
        "reason": "whatever",
        "access_until": datetime.fromisoformat(until) if until else None,
        "seats": 1,
        "version": 1,
    }


def rows() -> list[dict[str, Any]]:
    bought = [
        {**row(name, price, state, until), "seats": seats}
        for (name, price), (state, until, seats) in BOUGHT.items()
    ]
    return bought + [row(n, CLUB, *told) for n, told in SUBSCRIBED.items()]


def as_told(enrollment: dict[str, Any]) -> dict[str, Any]:
    """Return a row as a hook carries it."""
    until = enrollment["access_until"]
    return {**enrollment, "access_until": until.isoformat() if until else None}


def truth() -> dict[str, Any]:
    reasons = [reason(name, price, BOUGHT[name, price][0]) for name, price in BOUGHT]
    reasons[-1]["custom_data"] = {"learner": "token-of-lea"}
    reasons += [
        reason(n, CLUB, state, transaction_id=None, subscription_id=f"sub_{n}")
        for n, (state, _) in SUBSCRIBED.items()
    ]
    counts = ("events", "deliveries", "answered_200", "answers_lost", "refused")
    return {
        "now": NOW,
        "counts": {
            **dict(zip(counts, (5, 8, 6, 1, 1), strict=True)),
            "unanswered": 1,
        },
        "events": [
            {"event_id": f"evt_{number}", "answered_200": answered}
            for number, answered in enumerate((1, 2, 1, 0, 0), 1)
        ],
        "extras": [
            {"kind": "malformed", "event_id": None, "sha256": "aa"},
            {"kind": "forged", "event_id": "evt_f", "sha256": "bb"},
        ],
        "transactions": [{"id": "txn_1", "status": "completed"}],
        "subscriptions": [subscription(name) for name in SUBSCRIBED],
        "adjustments": [
            {"id": "adj_1", "status": "approved"},
            # Of this no event tells, only its reversal's own: found by comparing.
            {"id": "adj_2", "status": "reversed"},
        ],
        "reasons": reasons,
    }


def told(alert: int, kind: str) -> dict[str, Any]:
    return {
        "key": f"alert:{alert}:{kind}",
        "kind": kind,
        "state": "sent",
        "way": "2 (json)",
        "alert_id": alert,
        "text": (f"{kind} {alert}", "what to do"),
    }


def alert(number: int, kind: str = "dead_letters") -> dict[str, Any]:
    return {
        "id": number,
        "fingerprint": f"{kind}:{number}",
        "kind": kind,
        "state": "open" if kind == "missed_events" else "resolved",
        "flaps": 0,
    }


def reconciled(**changes: Any) -> Reconciled:
    """One event was late, two were lost for good."""
    whole: dict[str, Any] = {
        "differences": [],
        "changed": {},
        "listed": {"evt_3": "stale", "evt_4": "processed", "evt_5": "processed"},
        "missed": {"evt_3": "retrying", "evt_4": "failed", "evt_5": "not_subscribed"},
        "unfinished": [],
    }
    return Reconciled(**{**whole, **changes})


def good() -> dict[str, Any]:
    """Return the evidence of the day, as keywords."""
    messages = [told(n, kind) for n in (1, 2) for kind in ("opened", "resolved")]
    messages.append(told(3, "opened"))
    facts = truth()
    names = ("course_key", "state", "access_until", "seats", "learner_ref", "email")
    return {
        "truth": facts,
        "users": dict(TOKENS),
        "simulated": ["ntfsimevt_1"],
        "grace": timedelta(days=7),
        "inbox": {
            "evt_1": "processed",
            "evt_2": "stale",
            "ntfsimevt_1": "processed",
            "sha256:aa": "dead",
        },
        "fetched": {"pw_1": "processed"},
        "reconciled": reconciled(),
        "transactions": {"txn_1": "completed"},
        "subscriptions": {s["id"]: s["status"] for s in facts["subscriptions"]},
        "adjustments": {"adj_1": "approved", "adj_2": "reversed"},
        "access": rows(),
        "enrollments": [{name: r[name] for name in names} for r in rows()],
        "findings": dict.fromkeys(FINDINGS, 1),
        "parked": 0,
        "other_dead": 0,
        "crooked_histories": 0,
        "ended_by_clock": 1,
        "platform": [as_told(r) for r in rows()],
        "platform_orders": ["txn_1"],
        "orders": ["txn_1"],
        "notices": {
            f"<{number}@x>": ("welcome", r["course_key"])
            for number, r in enumerate(rows())
        },
        "mails": [
            Mail(r["email"], f"<{number}@x>", f"You have access to {r['course_key']}")
            for number, r in enumerate(rows())
            if r["has_access"]
        ],
        "alerts": [alert(1), alert(2), alert(3, "missed_events")],
        "alert_messages": messages,
        "heard": [message["text"] for message in messages],
        "answers": {"stored": 4, "duplicate": 1, "variant": 1},
        "flower": {"SUCCESS": 9, "RETRY": 2, "FAILURE": 1},
    }


def problems(evidence: dict[str, Any]) -> list[str]:
    """Return all that the verdict finds wrong."""
    whole = Evidence(**evidence)
    found = problems_of(figures_of(whole, 1.0))
    return found + alert_problems(whole) + finding_problems(whole)
