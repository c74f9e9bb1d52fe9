# ruff: noqa: INP001 (ops holds scripts, it is no package)
"""Writes the table of Paddle's error codes of docs/errors.md from the one in the code.

``python -m ops.errors_docs`` rewrites it; a contract test fails while it is out of date.
"""

from worker.providers.paddle.error_codes import CODES
from worker.settings import ROOT

ERRORS = ROOT / "docs" / "errors.md"
#: What the table stands between.
BEGIN = "<!-- error codes: written by `python -m ops.errors_docs` -->"
END = "<!-- end of error codes -->"


def error_codes_table() -> str:
    """Return the codes as a table, each with what to do."""
    rows = ["| Code | Helps | What it means, and what to do | What the buyer is told |"]
    rows += ["|---|---|---|---|"]
    rows += [
        f"| `{code}` | {one.remedy} | {one.words} | {one.buyer or '–'} |"
        for code, one in sorted(CODES.items())
    ]
    return "\n".join(rows)


def errors_of(text: str) -> str:
    """Return the page with the table of today between its two marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{error_codes_table()}\n\n{END}{after}"


def main() -> None:
    """Rewrite the page."""
    ERRORS.write_text(errors_of(ERRORS.read_text()))


if __name__ == "__main__":
    main()
