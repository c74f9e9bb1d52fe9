"""What the runbooks tell an operator to ask the database can be asked."""

import re
from pathlib import Path

import pytest
from sqlalchemy import Engine

from worker.settings import ROOT

BLOCK = re.compile(r"^ *```sql\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
PAGES = [ROOT / "docs" / "operate.md", *(ROOT / "docs" / "runbooks").glob("*.md")]


def questions() -> list[tuple[Path, str]]:
    """Every block of SQL, with its page."""
    return [
        (page, block)
        for page in sorted(PAGES)
        for block in BLOCK.findall(page.read_text())
    ]


def test_there_are_questions_at_all() -> None:
    assert {"operate.md", "slow-access.md"} <= {page.name for page, _ in questions()}


@pytest.mark.parametrize(
    "question", [pytest.param(sql, id=page.stem) for page, sql in questions()]
)
def test_what_a_page_asks_can_be_asked(engine: Engine, question: str) -> None:
    with engine.connect() as connection:
        for statement in filter(str.strip, question.split(";")):
            # As the driver sends it: a colon in it names no parameter of ours.
            connection.exec_driver_sql(statement)
        connection.rollback()
