# ruff: noqa: INP001 (ops holds scripts, it is no package)
"""Writes the table of conditions of docs/alerts.md from worker/alerts/conditions.py.

``python -m ops.alerts_docs`` rewrites it; a contract test fails while it is out of date.
"""

from worker.alerts.conditions import CONDITIONS
from worker.settings import ROOT

ALERTS = ROOT / "docs" / "alerts.md"
#: What the table stands between.
BEGIN = "<!-- conditions: written by `python -m ops.alerts_docs` -->"
END = "<!-- end of conditions -->"


def conditions_table() -> str:
    """Return the conditions as a table, each with its runbook page."""
    rows = ["| Kind and runbook | It opens when |", "|---|---|"]
    for condition in CONDITIONS:
        name = f"[`{condition.kind}`]({page_of(condition.kind)})"
        rows.append(f"| {name} | {condition.opens} |")
    return "\n".join(rows)


def page_of(kind: str) -> str:
    """Return the runbook page of a kind, as seen from docs/."""
    return f"runbooks/{kind.replace('_', '-')}.md"


def alerts_of(text: str) -> str:
    """Return the page with the table of today between its two marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{conditions_table()}\n\n{END}{after}"


def main() -> None:
    """Rewrite the page."""
    ALERTS.write_text(alerts_of(ALERTS.read_text()))


if __name__ == "__main__":
    main()
