"""Builds indexes on tables that are being written to; for migrations.

Built concurrently, outside a transaction: what stands when it stops half-way stays, and
running it again does the rest.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa
from alembic import op

_IS_HALF_BUILT = sa.text("""
SELECT EXISTS (SELECT FROM pg_index
               WHERE indexrelid = to_regclass(:name) AND NOT indisvalid)
""")


@dataclass(frozen=True, slots=True)
class Index:
    """An index, and of which rows."""

    name: str
    table: str
    #: Names, or expressions.
    columns: Sequence[str | sa.TextClause]
    where: str | None = None
    using: str = "btree"
    is_unique: bool = False


def build(indexes: Sequence[Index]) -> None:
    """Build indexes that are not there yet."""
    with _in_no_hurry():
        for index in indexes:
            _build(index)


def drop(indexes: Sequence[Index]) -> None:
    """Drop indexes, the last first."""
    with _in_no_hurry():
        for index in reversed(indexes):
            _drop(index.name)


def _build(index: Index) -> None:
    if op.get_bind().scalar(_IS_HALF_BUILT, {"name": index.name}):
        _drop(index.name)
    op.create_index(
        index.name,
        index.table,
        index.columns,
        unique=index.is_unique,
        if_not_exists=True,
        postgresql_concurrently=True,
        postgresql_where=None if index.where is None else sa.text(index.where),
        postgresql_using=index.using,
    )


def _drop(name: str) -> None:
    op.drop_index(name, if_exists=True, postgresql_concurrently=True)


@contextmanager
def _in_no_hurry() -> Iterator[None]:
    """Outside a transaction, for as long as it takes: waiting here is in nobody's way."""
    with op.get_context().autocommit_block():
        bounds = {
            name: op.get_bind().scalar(sa.text(f"SHOW {name}"))
            for name in ("lock_timeout", "statement_timeout")
        }
        for name in bounds:
            op.execute(f"SET {name} = 0")
        yield
        for name, bound in bounds.items():
            op.execute(f"SET {name} = '{bound}'")
