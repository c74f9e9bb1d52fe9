"""How migrations run: one transaction each, and never in anybody's way for long."""

from alembic import context
from sqlalchemy import create_engine, pool, text

from models.tables.all import metadata
from worker.settings import load

#: A migration that cannot get its lock gives way to the traffic and is tried again.
LOCK_TIMEOUT = "4s"
STATEMENT_TIMEOUT = "60s"


def is_ours(_object: object, name: str | None, kind: str, *_rest: object) -> bool:
    """Leave the monthly partitions out: they are made by the clock, not by models."""
    return not (kind == "table" and (name or "").startswith("inbox_bodies_"))


def run() -> None:
    """Run the migrations against ``DATABASE_URL``."""
    config = context.config
    # An attribute and not an option: a password may hold a per cent sign.
    url = config.attributes.get("database_url") or config.get_main_option(
        "sqlalchemy.url"
    )
    url = url or load().sqlalchemy_url
    engine = create_engine(url, poolclass=pool.NullPool)
    with engine.connect() as connection:
        connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
        connection.execute(text(f"SET statement_timeout = '{STATEMENT_TIMEOUT}'"))
        connection.commit()
        context.configure(
            connection=connection,
            target_metadata=metadata,
            include_object=is_ours,
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


run()
