"""What the runbooks tell an operator to ask the database can be asked."""

import re

import pytest
from sqlalchemy import Engine

from worker.settings import ROOT

BLOCK = re.compile(r"^ *```sql\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
PAGES = [ROOT / "docs" / "operate.md", *(ROOT / "docs" / "runbooks").glob("*.md")]


def questions() -> dict[str, str]:
    """Every block of SQL, by its page and which of that page it is."""
    return {
        f"{page.stem}-{number}": block
        for page in sorted(PAGES)
        for number, block in enumerate(BLOCK.findall(page.read_text()), start=1)
    }


def test_there_are_questions_at_all() -> None:
    assert {"operate-1", "slow-access-1"} <= questions().keys()


@pytest.mark.parametrize("question", questions().values(), ids=questions().keys())
def test_what_a_page_asks_can_be_asked(engine: Engine, question: str) -> None:
    with engine.connect() as connection:
        for statement in filter(str.strip, question.split(";")):
            # As the driver sends it: a colon in it names no parameter of ours.
            connection.exec_driver_sql(statement)
        connection.rollback()
