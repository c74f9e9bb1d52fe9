"""A grave finding that stays: somebody paid and has nothing, or has what is not paid.

What can be put right was put right when it was found. Each kind is an alert of its own.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Row, text

from models.findings import FindingKind
from worker.alerts.condition import Condition, Finding
from worker.alerts.stakes import Stakes
from worker.checks.check import Severity
from worker.checks.table import CHECKS
from worker.finding_words import SENTENCES
from worker.money import add_up
from worker.settings import Settings
from worker.wording import counted

#: By then the next look at recent changes has put right what can be.
PATIENCE = timedelta(hours=1)
#: Per kind; a check writes 500 at most in one look.
MOST_COUNTED = 1_000
#: Parked money and waiting rows are told by alerts of their own, by their causes.
TOLD_OTHERWISE = frozenset({FindingKind.UNKNOWN_PRICE_BOUGHT, FindingKind.ROWS_STUCK})
GRAVE = tuple(
    check.kind
    for check in CHECKS
    if check.severity is Severity.GRAVE and check.kind not in TOLD_OTHERWISE
)

_OPEN = text("""
SELECT wanted.kind, count(*) AS found, min(found_at) AS since
FROM unnest(CAST(:kinds AS text[])) WITH ORDINALITY AS wanted(kind, place)
CROSS JOIN LATERAL (
  SELECT found_at FROM findings f
  WHERE f.state = 'open' AND f.kind = wanted.kind AND f.found_at < now() - :patience
  ORDER BY f.id LIMIT :most) AS grave
GROUP BY wanted.kind, wanted.place ORDER BY wanted.place
""").bindparams(kinds=[kind.value for kind in GRAVE], patience=PATIENCE)
_STAKES = text("""
SELECT learner_id, currency, amount_minor FROM findings
WHERE state = 'open' AND kind = :kind AND found_at < now() - :patience
ORDER BY id LIMIT :most
""").bindparams(patience=PATIENCE)


class GraveFindings(Condition):
    """What is paid for and what is given differ, and no machine puts it right."""

    kind = "grave_findings"
    opens = (
        "A grave finding of the checks of our own rows is open for longer than an hour;"
        " one alert for each kind. What is parked or waits has alerts of its own."
    )

    def look(self, connection: Connection, config: Settings) -> Iterable[Finding]:
        """Probe the index of open findings."""
        del config
        for row in connection.execute(_OPEN, {"most": MOST_COUNTED}):
            yield _finding(row)

    def stakes(self, connection: Connection, subject: str) -> Stakes:
        """Return whose access the findings of a kind are about, and the money."""
        given = {"kind": subject, "most": MOST_COUNTED}
        rows = connection.execute(_STAKES, given).all()
        return Stakes(
            learners=len({row.learner_id for row in rows if row.learner_id}),
            money=add_up((row.currency, row.amount_minor) for row in rows),
            unknown=sum(1 for row in rows if not row.learner_id),
            capped=len(rows) >= MOST_COUNTED,
        )


def _finding(row: Row[Any]) -> Finding:
    least = "at least " if row.found >= MOST_COUNTED else ""
    found = f"{least}{counted(row.found, 'open finding')}"
    return Finding(
        summary=f"{found} “{row.kind}”. {SENTENCES[FindingKind(row.kind)]}",
        since=row.since,
        next_steps=(
            f"./paddlewheel findings list --kind {row.kind}",
            "./paddlewheel reconcile access",
            "./paddlewheel findings show ID, and explain with its subject",
        ),
        subject=row.kind,
        count=row.found,
    )
