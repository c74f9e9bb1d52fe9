"""The stamp: a database belongs to one environment, from its first start on.

It keeps a worker with production's database from applying what a sandbox sends.
"""

from sqlalchemy import Engine, text

from worker.errors import EnvironmentMismatchError
from worker.settings import Environment

_STAMP = text("""
INSERT INTO deployment (id, environment) VALUES (1, :environment)
ON CONFLICT (id) DO NOTHING
""")
_READ = text("SELECT environment FROM deployment WHERE id = 1")


def stamp_of(engine: Engine) -> str | None:
    """Return the environment that a database belongs to; None: to none yet."""
    with engine.connect() as connection:
        found: str | None = connection.scalar(_READ)
    return found


def check_stamp(engine: Engine, environment: Environment) -> None:
    """Stamp the database, or see that it bears our stamp.

    Raises:
        EnvironmentMismatchError: It belongs to another environment.
    """
    with engine.begin() as connection:
        found = connection.scalar(_READ)
        if found is None:
            connection.execute(_STAMP, {"environment": environment})
            found = connection.scalar(_READ)
    if found != environment:
        message = (
            f"This database belongs to the {found} environment, but"
            f" PADDLE_ENVIRONMENT is {environment}. Use the database of {environment},"
            f" or set PADDLE_ENVIRONMENT={found}."
        )
        raise EnvironmentMismatchError(message)
