# ruff: noqa: INP001 (ops holds scripts, it is no package)
"""Writes the table of kinds of docs/notifications.md from worker/notices/kinds.py.

``python -m ops.notices_docs`` rewrites it; a contract test fails while it is out of date.
"""

from worker.notices.kinds import KINDS, Kind, Trigger
from worker.settings import ROOT

NOTICES = ROOT / "docs" / "notifications.md"
#: What the table stands between.
BEGIN = "<!-- kinds: written by `python -m ops.notices_docs` -->"
END = "<!-- end of kinds -->"


def kinds_table() -> str:
    """Return the kinds as a table."""
    rows = [
        "| Kind | Sent when | To | Default | Paddle mails | Key |",
        "|---|---|---|---|---|---|",
    ]
    return "\n".join([*rows, *map(_row, KINDS.values())])


def _row(one: Kind) -> str:
    cells = (
        f"`{one.kind}`",
        one.change,
        "learner" if one.trigger is Trigger.ACCESS else "buyer",
        "on" if one.is_on else "off",
        one.paddle_mails or "–",
        f"`{one.key}`",
    )
    return f"| {' | '.join(cells)} |"


def notices_of(text: str) -> str:
    """Return the page with the table of today between its two marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{kinds_table()}\n\n{END}{after}"


def main() -> None:
    """Rewrite the page."""
    NOTICES.write_text(notices_of(NOTICES.read_text()))


if __name__ == "__main__":
    main()
