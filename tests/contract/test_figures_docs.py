"""What docs/figures.md tells of the views, and that its queries run."""

import re

import pytest
from sqlalchemy import Engine, text

from worker.settings import ROOT

PAGE = (ROOT / "docs" / "figures.md").read_text()
VIEWS = ("revenue_daily", "discount_use", "learner_totals")


def section(view: str) -> str:
    return next(s for s in PAGE.split("\n## ") if s.startswith(f"`{view}`"))


@pytest.mark.parametrize("view", VIEWS)
def test_every_column_of_a_view_is_told(view: str, engine: Engine) -> None:
    with engine.connect() as connection:
        columns = list(connection.execute(text(f"SELECT * FROM {view}")).keys())
    assert re.findall(r"^\| `(\w+)` \|", section(view), re.MULTILINE) == columns


@pytest.mark.parametrize("view", VIEWS)
def test_the_example_of_a_view_runs(view: str, engine: Engine) -> None:
    [query] = re.findall(r"```sql\n(.*?)```", section(view), re.DOTALL)
    with engine.connect() as connection:
        found = connection.execute(text(query))
        assert found.all() == []
    assert view in query
