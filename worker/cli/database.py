"""A connection for a command, with a sentence where there is none."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError, ProgrammingError

from worker.database import make_engine
from worker.errors import PaddlewheelError
from worker.settings import Settings, settings


@contextmanager
def database(name: str = "cli", config: Settings | None = None) -> Iterator[Engine]:
    """Connect for the time of a command.

    Args:
        name: As in ``make_engine``.
        config: Of which deployment; None: of this one.

    Raises:
        PaddlewheelError: The database does not answer or is not migrated.
    """
    engine = make_engine(config or settings(), name)
    try:
        yield engine
    except OperationalError as error:
        message = "The database does not answer: is it running? (`make up` starts one.)"
        raise PaddlewheelError(message) from error
    except ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) != "42P01":
            raise
        message = "The database has no tables yet: run `./paddlewheel release`."
        raise PaddlewheelError(message) from error
    finally:
        engine.dispose()


@contextmanager
def transaction() -> Iterator[Connection]:
    """Open a transaction and commit it; see ``database`` for what it raises."""
    with database() as engine, engine.begin() as connection:
        yield connection
