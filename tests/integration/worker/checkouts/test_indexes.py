"""One index finds a checkout, for a shop that asks and for the row that is written."""

import json
import re

import pytest
from sqlalchemy import Engine, text

from tests.opening import GUIDE
from worker.checkouts import rows

INDEX = "uq_checkouts_reference_provider"
(ASKED,) = re.findall(
    r"```sql\n([^`]+FROM opened_checkouts[^`]+);\n```", GUIDE, re.DOTALL
)
VALUES = {
    "provider": "paddle",
    "reference": "order-17",
    "owner": "user-42",
    "wanted": json.dumps({}),
    "email": None,
}


@pytest.mark.parametrize(
    "statement",
    [ASKED, str(rows._LOCK), str(rows._NOTE)],
    ids=["asked by a shop", "locked", "written"],
)
def test_a_checkout_is_found_by_its_index(core: Engine, statement: str) -> None:
    with core.begin() as connection:
        # So few rows it would else read whole.
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        explained = connection.execute(text(f"EXPLAIN {statement}"), VALUES).scalars()
        plan = "\n".join(explained)

    assert INDEX in plan


def test_its_index_begins_with_what_a_shop_knows(core: Engine) -> None:
    # Newer servers skip through one that begins with the provider, older ones do not.
    with core.connect() as connection:
        made = connection.scalar(
            text("SELECT indexdef FROM pg_indexes WHERE indexname = :name"),
            {"name": INDEX},
        )
    assert str(made).endswith("(reference, provider)")
