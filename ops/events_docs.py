# ruff: noqa: INP001 (ops holds scripts, it is no package)
"""Writes the table of event types of docs/events.md from the one in the code.

``python -m ops.events_docs`` rewrites it; a contract test fails while it is out of date.
"""

from worker.providers.paddle.event_types import EVENT_TYPES
from worker.settings import ROOT

EVENTS = ROOT / "docs" / "events.md"
#: What the table stands between.
BEGIN = "<!-- event types: written by `python -m ops.events_docs` -->"
END = "<!-- end of event types -->"


def event_types_table() -> str:
    """Return the event types as a table, each with its outcome."""
    rows = ["| Event type | Outcome | What it gives, or why nothing |", "|---|---|---|"]
    rows += [
        f"| `{one.name}` | {one.outcome} | {one.words} |"
        for one in EVENT_TYPES.values()
    ]
    return "\n".join(rows)


def events_of(text: str) -> str:
    """Return the page with the table of today between its two marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{event_types_table()}\n\n{END}{after}"


def main() -> None:
    """Rewrite the page."""
    EVENTS.write_text(events_of(EVENTS.read_text()))


if __name__ == "__main__":
    main()
