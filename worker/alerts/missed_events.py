"""Events were found in the provider's list that no delivery had brought.

They are healed by then. What is told is that deliveries do not arrive: as long as that
is so, access comes by the next comparison and not within a second.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from models.reconciliation import Explanation
from worker.alerts.condition import Condition, Finding
from worker.providers.registry import PROVIDERS
from worker.reconciliation.refusals import refusal
from worker.settings import Settings
from worker.wording import counted

SPAN = timedelta(hours=1)
#: An event that is younger may be on its way.
PATIENCE = timedelta(minutes=5)
#: After a long outage there may be any number.
MOST_COUNTED = 1_000
#: What each explanation means behind a number, and what to look at.
WORDS: dict[Explanation | None, tuple[str, str]] = {
    Explanation.FAILED: (
        "every attempt failed",
        "Paddle's dashboard: which answers does the destination's log show?",
    ),
    Explanation.RETRYING: (
        "attempts failed and go on",
        "Paddle's dashboard: which answers does the destination's log show?",
    ),
    Explanation.NOT_ATTEMPTED: (
        "not sent yet",
        "Paddle's status page: are its deliveries late?",
    ),
    Explanation.WRONG_DESTINATION: (
        "sent to another destination only",
        (
            "Paddle's dashboard: does the destination's address lead here, and does its"
            " secret stand in PADDLE_WEBHOOK_SECRETS?"
        ),
    ),
    Explanation.NOT_SUBSCRIBED: (
        "of types that our destination is not subscribed to",
        "Paddle's dashboard: subscribe the destination to the types of docs/events.md",
    ),
    Explanation.INACTIVE: (
        "no active destination is ours",
        "Paddle's dashboard: switch the destination on, or add one for this address",
    ),
    Explanation.FORGOTTEN: (
        "delivered and answered 200, but not in the database",
        "was an older backup restored? Then this is its healing",
    ),
    Explanation.UNKNOWN: (
        "Paddle does not say why",
        "may the key read notifications and notification settings?",
    ),
    None: ("not explained yet", "./paddlewheel alerts list, in a minute"),
}

STEP_OF_OBJECTS = (
    "Paddle's dashboard: does the destination get every type of docs/events.md, and which"
    " answers does its log show?"
)

# Probed one by one: the planner must not walk through the inbox for a few of them.
_MISSED = text("""
SELECT r.explanation, count(*) AS missed, min(r.found_at) AS first_at
FROM (
  SELECT m.explanation, m.found_at FROM reconciled_events m
  CROSS JOIN LATERAL (
    SELECT provider, event_type FROM inbox WHERE id = m.inbox_id OFFSET 0
  ) i
  WHERE m.found_at > now() - :span AND m.reason = 'missed'
    AND (i.provider, i.event_type) IN (
      SELECT * FROM unnest(CAST(:providers AS text[]), CAST(:types AS text[])))
  ORDER BY m.found_at DESC LIMIT :most
) r
GROUP BY r.explanation ORDER BY missed DESC, r.explanation
""").bindparams(span=SPAN)

# An object that differed and was put right, although it had changed long enough before:
# its event should have come. Not so where an event of that very state had come (our row
# was edited), where there was no Paddlewheel yet, and of a reversal, which no event
# tells.
_CHANGED = text("""
SELECT count(*) AS changed, min(m.found_at) AS first_at
FROM (
  SELECT inbox_id, subject, found_at FROM reconciled_events
  WHERE found_at > now() - :span AND reason = 'differs'
  ORDER BY found_at DESC LIMIT :most
) m
CROSS JOIN LATERAL (
  SELECT provider, state, occurred_at FROM inbox WHERE id = m.inbox_id OFFSET 0
) i
WHERE i.state = 'processed' AND i.occurred_at < m.found_at - :patience
  AND i.occurred_at >= coalesce((SELECT min(stamped_at) FROM deployment), '-infinity')
  AND NOT EXISTS (
    SELECT FROM adjustments a
    WHERE a.provider = i.provider AND a.id = m.subject AND a.status = 'reversed')
  AND NOT EXISTS (
    SELECT FROM event_entities e JOIN inbox told ON told.id = e.inbox_id
    WHERE e.entity_id = m.subject AND told.id <> m.inbox_id
      AND told.provider = i.provider AND told.received_at <= m.found_at
      AND told.occurred_at >= i.occurred_at - interval '1 microsecond')
""").bindparams(span=SPAN, patience=PATIENCE)


@dataclass(frozen=True, slots=True)
class Missed:
    """Events that were missed for one reason."""

    #: Empty: nobody has asked yet.
    explanation: Explanation | None
    missed: int
    first_at: datetime


@dataclass(frozen=True, slots=True)
class Changed:
    """Objects that had changed, and no event had told it."""

    changed: int
    #: None: there are none.
    first_at: datetime | None


NOTHING_CHANGED = Changed(0, None)


class MissedEvents(Condition):
    """Deliveries are not arriving."""

    kind = "missed_events"
    opens = (
        "Within the last hour an event that bears on access was found in the provider's"
        " list and had not been delivered, or an object had changed and no event had"
        " told it. It is healed; the deliveries are not."
    )

    def look(self, connection: Connection, config: Settings) -> Iterable[Finding]:
        """Count what the last hour's runs have found."""
        del config
        handled = [(n, kind) for n, one in PROVIDERS.items() for kind in one.handled]
        providers, types = zip(*handled, strict=True)
        rows = connection.execute(
            _MISSED,
            {"providers": list(providers), "types": list(types), "most": MOST_COUNTED},
        ).all()
        missed = [
            Missed(row[0] and Explanation(row[0]), row.missed, row.first_at)
            for row in rows
        ]
        changed = connection.execute(_CHANGED, {"most": MOST_COUNTED}).one()
        if not missed and not changed.changed:
            return []
        refused = [words for one in PROVIDERS if (words := refusal(connection, one))]
        return [finding_of(missed, Changed(*changed), "; ".join(refused))]


def finding_of(
    missed: Sequence[Missed], changed: Changed = NOTHING_CHANGED, refused: str = ""
) -> Finding:
    """Say what was missed; there is some.

    Args:
        missed: By explanation, most first.
        changed: What only a comparison of objects has told.
        refused: Why the provider may not be asked; empty: it may.
    """
    total = sum(one.missed for one in missed)
    is_ours = not changed.changed and all(
        one.explanation is Explanation.FORGOTTEN for one in missed
    )
    head = "Events were lost here" if is_ours else "Deliveries are not arriving"
    told = filter(None, (_of_events(missed, total), _of_objects(changed)))
    steps = dict.fromkeys(WORDS[one.explanation][1] for one in missed)
    if changed.changed:
        steps[STEP_OF_OBJECTS] = None
    if refused:
        steps = {f"mend this, then why is asked again: {refused}": None} | steps
        refused = f" Why may not be asked: {refused}."
    times = [*(one.first_at for one in missed), changed.first_at]
    return Finding(
        summary=f"{head}: {'; '.join(told)}.{refused}",
        since=min(at for at in times if at is not None),
        next_steps=(*steps, "./paddlewheel status"),
        count=total + changed.changed,
    )


def _of_events(missed: Sequence[Missed], total: int) -> str:
    if not missed:
        return ""
    reasons = ", ".join(f"{one.missed:,} {WORDS[one.explanation][0]}" for one in missed)
    return (
        f"{_counted(total, 'event')} of the last hour {_was(total)} found in the"
        f" provider's list only ({reasons})"
    )


def _of_objects(changed: Changed) -> str:
    if not changed.changed:
        return ""
    objects = _counted(changed.changed, "object")
    return (
        f"{objects} of the last hour {_was(changed.changed)} found to have changed, and"
        " no event had told it"
    )


def _counted(total: int, noun: str) -> str:
    least = "at least " if total >= MOST_COUNTED else ""
    return f"{least}{counted(total, noun)}"


def _was(total: int) -> str:
    return "was" if total == 1 else "were"
