"""Findings: written where they are found, cleared where they are found no longer."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from psycopg.types.json import Jsonb
from sqlalchemy import Connection, text

from models.findings import FindingKind, FindingState
from models.key import Key
from worker.money import add_up
from worker.sources import Computed

#: What a recomputed source tells; a source that no longer tells it has it cleared.
OF_SOURCES = (
    FindingKind.PARTIAL_REFUND,
    FindingKind.PERIOD_REFUNDED,
    FindingKind.SEATS_WITHOUT_LEARNER,
    FindingKind.LEARNER_NOT_BELIEVED,
)

# One that a person has accepted stays so as long as it says the same.
_WRITE = text("""
INSERT INTO findings AS known (kind, subject, learner_id, currency, amount_minor, detail)
SELECT kind, subject, learner_id, currency, amount_minor, detail
FROM unnest(CAST(:kinds AS text[]), CAST(:subjects AS text[]),
            CAST(:learners AS bigint[]), CAST(:currencies AS text[]),
            CAST(:amounts AS bigint[]), CAST(:details AS jsonb[]))
  AS found(kind, subject, learner_id, currency, amount_minor, detail)
ON CONFLICT (subject, kind) DO UPDATE SET
  learner_id = excluded.learner_id, currency = excluded.currency,
  amount_minor = excluded.amount_minor, detail = excluded.detail,
  found_at = CASE known.state WHEN 'cleared' THEN now() ELSE known.found_at END,
  seen_at = now(), times = CASE known.state WHEN 'cleared' THEN 1 ELSE known.times + 1 END,
  state = CASE WHEN known.state = 'accepted'
    AND (known.amount_minor, known.detail)
        IS NOT DISTINCT FROM (excluded.amount_minor, excluded.detail)
    THEN 'accepted' ELSE 'open' END,
  closed_at = CASE WHEN known.state = 'accepted'
    AND (known.amount_minor, known.detail)
        IS NOT DISTINCT FROM (excluded.amount_minor, excluded.detail)
    THEN known.closed_at END
RETURNING subject, state
""")
_PAID = text("""
SELECT l.provider, l.transaction_id, l.id, t.currency, l.total_minor
FROM unnest(CAST(:providers AS text[]), CAST(:transactions AS text[]),
            CAST(:lines AS text[])) AS bought(provider, transaction_id, id)
JOIN transaction_lines l USING (provider, transaction_id, id)
JOIN transactions t ON t.provider = l.provider AND t.id = l.transaction_id
""")
# Two may look at the same at once: what is cleared here and what is written afterwards is
# locked in one order, that of ``_write``.
_CLEAR = text("""
WITH held AS MATERIALIZED (
  SELECT id FROM findings
  WHERE subject = ANY(:touched) AND kind = ANY(:kinds)
    AND (state <> 'cleared' OR kind || ' ' || subject = ANY(:kept))
  ORDER BY subject COLLATE "C", kind COLLATE "C" FOR UPDATE
)
UPDATE findings SET state = 'cleared', closed_at = now()
WHERE id IN (SELECT id FROM held) AND subject = ANY(:subjects) AND state <> 'cleared'
  AND NOT (kind || ' ' || subject = ANY(:kept))
""")


@dataclass(frozen=True, slots=True)
class Found:
    """A finding as it is written."""

    kind: FindingKind
    #: What it is about; one finding per kind and subject.
    subject: str
    learner_id: int | None = None
    currency: str | None = None
    amount_minor: int | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


class BoughtLine(NamedTuple):
    """A line of a purchase."""

    provider: str
    transaction_id: str
    line_id: str


class Double(NamedTuple):
    """An enrollment that was paid for more than once and for good."""

    learner_id: int
    enrollment_id: int
    #: What gives it, each for good; the first of them gave it first.
    bought: Sequence[BoughtLine]


def note_sources(connection: Connection, computed: Mapping[Key, Computed]) -> None:
    """Write what some sources tell, and clear what they tell no longer."""
    found = [
        Found(
            fact.kind,
            key.id,
            source.learner_id,
            source.currency,
            fact.amount_minor,
            fact.detail,
        )
        for key, source in computed.items()
        for fact in source.findings
    ]
    note(connection, {key.id for key in computed}, OF_SOURCES, found)


def note_doubles(
    connection: Connection, enrollments: Collection[int], found: Collection[Double]
) -> None:
    """Write which enrollments were paid for twice and for good, with the later sums.

    Args:
        connection: The transaction that holds the enrollments' locks.
        enrollments: Those that were looked at.
        found: Those that were paid for twice.
    """
    again = [line for double in found for line in double.bought[1:]]
    paid = _paid(connection, again)
    doubles = []
    for double in found:
        sums = add_up(paid[line] for line in double.bought[1:] if line in paid)
        # Sums of different currencies are not added up.
        currency, total = next(iter(sums.items())) if len(sums) == 1 else (None, None)
        bought = dict.fromkeys(line.transaction_id for line in double.bought)
        doubles.append(
            Found(
                FindingKind.BOUGHT_AGAIN,
                f"enrollment {double.enrollment_id}",
                double.learner_id,
                currency,
                total,
                {"transactions": list(bought)},
            )
        )
    subjects = [f"enrollment {id_}" for id_ in enrollments]
    note(connection, subjects, (FindingKind.BOUGHT_AGAIN,), doubles)


def _paid(
    connection: Connection, lines: Sequence[BoughtLine]
) -> dict[BoughtLine, tuple[str, int]]:
    """Read what lines cost."""
    if not lines:
        return {}
    providers, transactions, ids = (list(column) for column in zip(*lines, strict=True))
    rows = connection.execute(
        _PAID, {"providers": providers, "transactions": transactions, "lines": ids}
    )
    return {BoughtLine(*row[:3]): (row.currency, row.total_minor) for row in rows}


def note_contradictions(connection: Connection, transactions: Collection[Key]) -> None:
    """Write that transactions were told canceled, and completed as well."""
    kind = FindingKind.COMPLETED_BUT_CANCELED
    note(connection, (), (kind,), [Found(kind, key.id) for key in transactions])


def note_customers(
    connection: Connection, known: Collection[Key], missing: Collection[Key]
) -> None:
    """Write which customers the provider does not know; those who are known it knows."""
    kind = FindingKind.CUSTOMER_MISSING
    subjects = [key.id for key in (*known, *missing)]
    note(connection, subjects, (kind,), [Found(kind, key.id) for key in missing])


def note(
    connection: Connection,
    subjects: Collection[str],
    kinds: Collection[FindingKind],
    found: Collection[Found],
) -> set[str]:
    """Write findings, and clear those that are found no longer.

    Args:
        connection: An open transaction. Whoever computes a subject holds its lock;
            reconciliation compares without, and what has changed meanwhile is put
            right by the next look.
        subjects: What was looked at.
        kinds: For what it was looked at.
        found: What is so, no kind and subject twice.

    Returns:
        The subjects of those that a person has accepted: they are settled.
    """
    if subjects:
        connection.execute(
            _CLEAR,
            {
                "touched": sorted({*subjects, *(one.subject for one in found)}),
                "subjects": sorted(subjects),
                "kinds": [kind.value for kind in kinds],
                "kept": [f"{one.kind} {one.subject}" for one in found],
            },
        )
    return _write(connection, found) if found else set()


def _write(connection: Connection, found: Collection[Found]) -> set[str]:
    ordered = sorted(found, key=lambda one: (one.subject, one.kind))
    written = connection.execute(
        _WRITE,
        {
            "kinds": [one.kind.value for one in ordered],
            "subjects": [one.subject for one in ordered],
            "learners": [one.learner_id for one in ordered],
            "currencies": [one.currency for one in ordered],
            "amounts": [one.amount_minor for one in ordered],
            "details": [Jsonb(dict(one.detail)) for one in ordered],
        },
    )
    return {row.subject for row in written if row.state == FindingState.ACCEPTED}
