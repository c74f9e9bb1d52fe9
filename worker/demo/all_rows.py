"""A digest of every row, to count afterwards what was added, changed and taken away."""

from collections import Counter
from collections.abc import Mapping

from sqlalchemy import Connection, Table, TextClause, text

from models.tables.all import metadata

#: Who went where and when; and alerts, which are looked for and sent by themselves, and
#: judged by themselves (``alert_verdict.py``).
BOOKKEEPING = frozenset(
    {
        "alert_messages",
        "alerts",
        "cursors",
        "heartbeats",
        "provider_budgets",
        "reconciliation_runs",
        "slots",
    }
)
#: That something was looked at again, and is still so.
SEEN_AGAIN: Mapping[str, tuple[str, ...]] = {"findings": ("seen_at", "times")}
CONFIRMED = "confirmed_at"

#: Table and key, and what the row says.
Rows = dict[tuple[str, str], str]


def read_all(connection: Connection) -> Rows:
    """Read the digests of all rows of all tables but the bookkeeping's."""
    found: Rows = {}
    for table in metadata.sorted_tables:
        if table.name not in BOOKKEEPING:
            left_out = [CONFIRMED, *SEEN_AGAIN.get(table.name, ())]
            rows = connection.execute(_digests(table), {"left_out": left_out})
            found |= {(table.name, row.key): row.digest for row in rows}
    return found


def changed(before: Rows, after: Rows) -> dict[str, int]:
    """Return how many rows of each table are new, other or gone."""
    keys = before.keys() | after.keys()
    return dict(Counter(key[0] for key in keys if before.get(key) != after.get(key)))


def _digests(table: Table) -> TextClause:
    key = ", ".join(column.name for column in table.primary_key.columns)
    return text(
        f"SELECT jsonb_build_array({key})::text AS key,"  # noqa: S608 (names of ours)
        " md5((to_jsonb(one) - CAST(:left_out AS text[]))::text) AS digest"
        f" FROM {table.name} AS one"
    )
