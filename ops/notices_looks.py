# ruff: noqa: INP001 (ops holds scripts, it is no package)
"""Writes what every notice looks like into docs/notifications.md, from the templates.

``python -m ops.notices_looks`` rewrites it; a contract test fails while it is out of
date. The pictures beside it are of ``ops.notices_pictures``.
"""

from textwrap import fill

from models.notices import NoticeKind
from worker.notices.kinds import KINDS
from worker.notices.samples import EVERY, SAMPLES, may_be_empty
from worker.notices.templates import render
from worker.settings import ROOT

#: What fits a screen.
COLUMNS = 78
NOTIFICATIONS = ROOT / "docs" / "notifications.md"
#: What the notices stand between.
BEGIN = "<!-- looks: written by `python -m ops.notices_looks` -->"
END = "<!-- end of looks -->"


def looks() -> str:
    """Return every kind with its picture and its text."""
    return "\n\n".join(map(_look, NoticeKind))


def _look(kind: NoticeKind) -> str:
    facts = {**EVERY, **SAMPLES[kind]}
    words = render(kind, facts, "en", None)
    plain = f"Subject: {words.subject}\n\n{words.text.strip()}"
    names = ", ".join(f"`{name}`" for name in facts)
    empty = ", ".join(f"`{name}`" for name in may_be_empty(kind))
    return "\n\n".join(
        (
            f"### `{kind}`",
            f"When {KINDS[kind].change}. Facts: {names}; may be empty: {empty}.",
            f'<img src="pictures/notices/{kind}.png" width="390" alt="{words.subject}">',
            f"```text\n{_on_screen(plain)}\n```",
        )
    )


def _on_screen(text: str) -> str:
    """Break lines as a mail program does; in the mail a paragraph is one line."""
    return "\n".join(
        fill(line, COLUMNS, break_long_words=False, break_on_hyphens=False)
        for line in text.splitlines()
    )


def notifications_of(text: str) -> str:
    """Return the page with the notices of today between its two marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{looks()}\n\n{END}{after}"


def main() -> None:
    """Rewrite the page."""
    NOTIFICATIONS.write_text(notifications_of(NOTIFICATIONS.read_text()))


if __name__ == "__main__":
    main()
