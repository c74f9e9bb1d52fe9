# ruff: noqa: INP001 (ops holds scripts, it is no package)
"""Writes the table of checks of docs/doctor.md from worker/doctor/table.py.

``python -m ops.doctor_docs`` rewrites it; a contract test fails while it is out of date.
"""

from worker.doctor.check import Check
from worker.doctor.table import CHECKS
from worker.settings import ROOT

DOCTOR = ROOT / "docs" / "doctor.md"
#: What the table stands between.
BEGIN = "<!-- checks: written by `python -m ops.doctor_docs` -->"
END = "<!-- end of checks -->"


def checks_table() -> str:
    """Return the checks as a table, in the order in which they are shown."""
    rows = ["| Check | It is well when | Not looked at without |", "|---|---|---|"]
    rows += [
        f"| `{one.name}` | {_tells(one)} | {', '.join(one.needs) or '–'} |"
        for one in CHECKS
    ]
    return "\n".join(rows)


def _tells(check: Check) -> str:
    return f"{check.tells} `--fix` {check.fixes}." if check.fix else check.tells


def doctor_of(text: str) -> str:
    """Return the page with the table of today between its two marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{checks_table()}\n\n{END}{after}"


def main() -> None:
    """Rewrite the page."""
    DOCTOR.write_text(doctor_of(DOCTOR.read_text()))


if __name__ == "__main__":
    main()
