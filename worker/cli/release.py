"""``paddlewheel release``: brings a database to this release. Run before the others.

Migrations, the environment's stamp, the coming partitions, the catalog, and events
that an earlier release did not handle yet, in this order; run again it changes nothing.
"""

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, inspect

from worker.alerts.ways import check_ways
from worker.catalog import read_catalog
from worker.channels.reach import doubts_of
from worker.cli.database import database
from worker.cli.output import console, say_problem
from worker.environment import check_stamp
from worker.errors import PaddlewheelError
from worker.notices.template_check import check_templates
from worker.offers import apply_catalog, contradictions_of, named_courses
from worker.partition import make_partitions
from worker.providers.registry import PROVIDERS
from worker.replay import take_up_handled
from worker.settings import ROOT, settings


def release() -> None:
    """Migrate the database, stamp it, and apply the catalog."""
    config = settings()
    # Before anything is changed: what is wrong in a file or a setting, or somebody
    # else's database.
    catalog = read_catalog(config.catalog_file, config.paddle_environment)
    check_ways(config)
    check_templates(config)
    with database("release") as engine:
        if inspect(engine).has_table("deployment"):
            check_stamp(engine, config.paddle_environment)
        _migrate(config.sqlalchemy_url)
        check_stamp(engine, config.paddle_environment)
        with engine.begin() as connection:
            make_partitions(connection)
        with engine.begin() as connection:
            applied = apply_catalog(connection, catalog, config)
            # Told, but no reason not to start: what the file says counts.
            doubts = contradictions_of(catalog, named_courses(connection, catalog))
        taken = _take_up(engine)
    for sentence in (*doubts, *doubts_of(config)):
        say_problem(PaddlewheelError(sentence))
    console().print(
        f"Database ready for {config.paddle_environment}; catalog:"
        f" {len(applied.opened)} offers opened, {len(applied.closed)} closed;"
        f" {taken} events taken up again.",
        soft_wrap=True,
    )


def _take_up(engine: Engine) -> int:
    """Take up what an earlier release ignored and this one handles."""
    total = 0
    for provider in PROVIDERS.values():
        taken = 1
        while taken:
            with engine.begin() as connection:
                taken = take_up_handled(connection, provider.name, provider.handled)
            total += taken
    return total


def _migrate(url: str) -> None:
    migrations = Config(ROOT / "alembic.ini")
    migrations.attributes["database_url"] = url
    command.upgrade(migrations, "head")
