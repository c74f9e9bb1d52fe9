"""Asks conditions so that one that fails harms neither the others nor the look."""

import structlog
from billiard.exceptions import SoftTimeLimitExceeded
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from worker.alerts.condition import Condition, Finding
from worker.alerts.conditions import BY_KIND
from worker.alerts.stakes import Stakes
from worker.failures import failure_of
from worker.settings import Settings

log = structlog.get_logger()


def findings_of(
    connection: Connection, config: Settings, condition: Condition
) -> list[Finding] | None:
    """Return what a condition finds; None: it cannot tell."""
    try:
        with connection.begin_nested():
            return list(condition.look(connection, config))
    except Exception as error:
        if must_end(error):
            raise
        log.warning("condition_failed", kind=condition.kind, exc_info=True)
        return None


def stakes_of(connection: Connection, kind: str, subject: str) -> Stakes | None:
    """Return whom an alert touches; None: it cannot be told."""
    condition = BY_KIND.get(kind)
    if condition is None:
        return Stakes()
    try:
        with connection.begin_nested():
            return condition.stakes(connection, subject)
    except Exception as error:
        if must_end(error):
            raise
        log.warning("stakes_unknown", kind=kind, error=failure_of(error).sentence)
        return None


def must_end(error: Exception) -> bool:
    """Tell whether an error ends the whole: no connection, or no time, is left."""
    if isinstance(error, SoftTimeLimitExceeded):
        return True
    return isinstance(error, DBAPIError) and error.connection_invalidated
