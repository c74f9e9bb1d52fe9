"""Migrations: up, down, up; what they make is what the models say."""

import re

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, create_engine, event, inspect, text

from worker.servers.postgres import Postgres
from worker.settings import ROOT

#: A checkout that died, and an event.
DEAD = """
INSERT INTO dead_letters (subject, work_table, row_id, error_class, error)
SELECT name || ':1', name, 1, 'E', 'e'
FROM unnest(ARRAY['checkouts', 'inbox']) AS name;
INSERT INTO attempts (work_table, row_id, number, task_id, worker, error_class, error)
SELECT name, 1, 1, 't', 'w', 'E', 'e'
FROM unnest(ARRAY['checkouts', 'inbox']) AS name
"""
TOLD = """
SELECT work_table FROM dead_letters UNION ALL SELECT work_table FROM attempts
"""
LEFT_BEHIND = text("""
SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace
UNION SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
""")
CREATED = re.compile(r"CREATE (UNIQUE )?INDEX .*?ON (?P<table>\w+)", re.DOTALL)
#: One index stands, and of another only the half that its interrupted building leaves.
HALF_BUILT = """
CREATE INDEX ix_transactions_opened_at ON transactions (opened_at);
CREATE INDEX ix_inbox_failing ON inbox (id);
UPDATE pg_index SET indisvalid = false
WHERE indexrelid = 'ix_inbox_failing'::regclass
"""
HALVES = "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid"
INDEXED = "SELECT indexdef FROM pg_indexes WHERE indexname = 'ix_inbox_failing'"


#: What others read: columns are added at the end, never changed.
PUBLIC_VIEWS = {
    "course_access": "learner_ref:TEXT email:TEXT course_key:TEXT has_access:BOOLEAN"
    " state:VARCHAR(32) reason:TEXT access_until:TIMESTAMP version:BIGINT"
    " changed_at:TIMESTAMP",
    "payment_status": "provider:TEXT reference:TEXT transaction_id:TEXT owner:TEXT"
    " state:TEXT error_code:TEXT reason:TEXT currency:TEXT total_minor:BIGINT"
    " opened_at:TIMESTAMP expires_at:TIMESTAMP changed_at:TIMESTAMP",
    "opened_checkouts": "provider:TEXT reference:TEXT owner:TEXT state:VARCHAR(32)"
    " transaction_id:TEXT checkout_url:TEXT problem:TEXT buyer_words:TEXT"
    " created_at:TIMESTAMP changed_at:TIMESTAMP",
    "checkout_conversion": "day:DATE provider:TEXT price_id:TEXT opened:BIGINT"
    " paid:BIGINT",
    "revenue_daily": "day:DATE currency:TEXT purchases:BIGINT gross_minor:BIGINT"
    " discount_minor:BIGINT tax_minor:BIGINT fee_minor:BIGINT refunded_minor:BIGINT"
    " disputed_minor:BIGINT earnings_minor:BIGINT paid_minor:BIGINT",
    "discount_use": "provider:TEXT discount_id:TEXT code:TEXT description:TEXT"
    " currency:TEXT uses:BIGINT discount_minor:BIGINT gross_minor:BIGINT"
    " first_used_at:TIMESTAMP last_used_at:TIMESTAMP",
    "learner_totals": "learner_ref:TEXT currency:TEXT purchases:BIGINT"
    " paid_minor:BIGINT refunded_minor:BIGINT last_purchase_at:TIMESTAMP",
}


@pytest.fixture(scope="module")
def address(postgres: Postgres) -> str:
    url = postgres.create_database("scratch")
    return url.replace("://", "+psycopg://", 1)


@pytest.fixture
def config(address: str) -> Config:
    made = Config(ROOT / "alembic.ini")
    made.attributes["database_url"] = address
    return made


def scratch(address: str) -> Engine:
    return create_engine(address)


def everything(address: str) -> set[str]:
    engine = scratch(address)
    with engine.connect() as connection:
        names = set(connection.execute(LEFT_BEHIND).scalars())
    engine.dispose()
    return names


def test_up_down_up_ends_where_up_ended(config: Config, address: str) -> None:
    command.upgrade(config, "head")
    first = everything(address)

    command.downgrade(config, "base")
    assert everything(address) <= {"alembic_version", "alembic_version_pkc"}

    command.upgrade(config, "head")
    assert everything(address) == first


def test_the_models_and_the_migrations_say_the_same(config: Config) -> None:
    command.upgrade(config, "head")

    command.check(config)


def test_each_migration_can_be_taken_back_alone(config: Config, address: str) -> None:
    command.upgrade(config, "head")
    command.downgrade(config, "-1")
    command.upgrade(config, "head")

    engine = scratch(address)
    assert set(inspect(engine).get_view_names()) >= {"course_access", "parked"}
    engine.dispose()


def test_what_is_told_of_checkouts_goes_with_them(config: Config, address: str) -> None:
    command.upgrade(config, "head")
    engine = scratch(address)
    with engine.begin() as connection:
        connection.exec_driver_sql(DEAD)

    command.downgrade(config, "0019")

    with engine.begin() as connection:
        told = connection.exec_driver_sql(TOLD).scalars().all()
        connection.exec_driver_sql("TRUNCATE dead_letters, attempts")
    engine.dispose()
    assert told == ["inbox", "inbox"]


@pytest.mark.parametrize("view", PUBLIC_VIEWS)
def test_a_public_view_keeps_its_columns(
    view: str, config: Config, address: str
) -> None:
    command.upgrade(config, "head")
    engine = scratch(address)
    columns = {
        column["name"]: str(column["type"])
        for column in inspect(engine).get_columns(view)
    }
    engine.dispose()

    promised = dict(pair.split(":") for pair in PUBLIC_VIEWS[view].split())
    assert list(columns)[: len(promised)] == list(promised)
    assert {name: columns[name] for name in promised} == promised


def test_tables_that_were_there_before_are_indexed_while_they_are_written_to(
    config: Config, address: str
) -> None:
    command.downgrade(config, "base")
    command.upgrade(config, "0002")
    known = tables(address)
    ran: list[str] = []

    def note(_c: object, _k: object, statement: str, *_: object) -> None:
        ran.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        command.upgrade(config, "head")
        command.downgrade(config, "0002")
    finally:
        event.remove(Engine, "before_cursor_execute", note)
        command.upgrade(config, "head")

    built = [found for one in ran if (found := CREATED.search(one))]
    on_known = [found for found in built if found["table"] in known]
    assert {found["table"] for found in on_known} >= {"inbox", "transactions"}
    assert [found[0] for found in on_known if "CONCURRENTLY" not in found[0]] == []
    dropped = [one for one in ran if "DROP INDEX CONCURRENTLY" in one]
    # Among them are those of tables that came later, and were in use by then.
    assert len(dropped) == sum("CONCURRENTLY" in found[0] for found in built)


def tables(address: str) -> set[str]:
    engine = scratch(address)
    names = set(inspect(engine).get_table_names())
    engine.dispose()
    return names


def test_an_upgrade_that_stopped_among_its_indexes_is_run_again(
    config: Config, address: str
) -> None:
    command.upgrade(config, "head")
    whole = everything(address)
    command.downgrade(config, "0004")
    engine = scratch(address)
    with engine.begin() as connection:
        for statement in HALF_BUILT.split(";"):
            connection.execute(text(statement))

    command.upgrade(config, "head")

    with engine.connect() as connection:
        halves = connection.execute(text(HALVES)).scalars().all()
        bounds = connection.execute(text(INDEXED)).scalars().all()
    engine.dispose()
    assert everything(address) == whole
    assert halves == []
    assert len(bounds) == 1
    assert "last_error IS NOT NULL" in bounds[0]
