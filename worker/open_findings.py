"""Open findings in numbers: how many people and how much money each kind touches."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from worker.money import money
from worker.wording import counted

_OPEN = text("""
SELECT kind, sum(findings)::bigint AS findings, max(learners) AS learners,
       jsonb_object_agg(currency, sum_minor) FILTER (WHERE currency IS NOT NULL) AS money
FROM (
  SELECT kind, currency, count(*) AS findings, sum(amount_minor) AS sum_minor,
         (SELECT count(DISTINCT learner_id) FROM findings one
          WHERE one.state = 'open' AND one.kind = findings.kind) AS learners
  FROM findings WHERE state = 'open' GROUP BY kind, currency
) AS per_currency
GROUP BY kind ORDER BY kind
""")


@dataclass(frozen=True, slots=True)
class OpenFindings:
    """The open findings of a kind."""

    kind: str
    findings: int
    #: Whose they are; of some nobody knows.
    learners: int
    #: By currency, in minor units.
    money: dict[str, int]

    def in_words(self) -> str:
        """Return it as a line of a page: ``3 of 2 learners, 40.00 EUR (…)``."""
        sums = "".join(
            f", {money(minor, currency)}"
            for currency, minor in sorted(self.money.items())
        )
        of_whom = f" of {counted(self.learners, 'learner')}" if self.learners else ""
        return f"{self.findings}{of_whom}{sums} ({self.kind})"


def open_findings(connection: Connection) -> tuple[OpenFindings, ...]:
    """Count the open findings of each kind."""
    return tuple(
        OpenFindings(row.kind, row.findings, row.learners, _sums(row.money))
        for row in connection.execute(_OPEN)
    )


def _sums(told: dict[str, Any] | None) -> dict[str, int]:
    """Leave out currencies of which no amount is told."""
    return {name: int(minor) for name, minor in (told or {}).items() if minor}
