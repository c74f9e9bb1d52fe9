"""The documentation says of each code what the table of codes does with it."""

from worker.channels.codes import TABLE, Refusal
from worker.settings import ROOT

PAGE = (ROOT / "docs" / "notifications.md").read_text()
SECTION = PAGE.partition("\n## What a refusal means\n")[2].partition("\n## ")[0]


def test_the_table_of_codes_is_that_of_the_code() -> None:
    told = [line for line in SECTION.splitlines() if line.startswith("|")][2:]
    assert told == [
        f"| {row.side} | {' '.join(f'`{code}`' for code in row.codes)}"
        f" | {row.refusal} | {row.meaning} |"
        for row in TABLE
    ]


def test_what_is_done_is_explained() -> None:
    for refusal in Refusal:
        assert f"- *{refusal}*: " in SECTION
