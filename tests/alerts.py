"""Alerts, silences and messages as rows; one function each.

What a test does not name is made up.
"""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert

from models.alerts import MessageKind, Severity
from models.tables.alerts import Alert, AlertMessage, AlertSilence

_numbers = itertools.count(1)


def add_alert(connection: Connection, **values: Any) -> int:
    """Insert an open alert that was told, and return the id."""
    subject = values.setdefault("subject", f"subject-{next(_numbers)}")
    kind = values.setdefault("kind", "waiting")
    defaults = {
        "fingerprint": f"{kind}:{subject}" if subject else kind,
        "severity": Severity.WARNING,
        "summary": "Something waits.",
        "next_steps": ["./paddlewheel status"],
        "since": datetime.now(UTC) - timedelta(minutes=5),
        "told_severity": Severity.WARNING,
    }
    statement = insert(Alert).values({**defaults, **values}).returning(Alert.id)
    return connection.execute(statement).scalar_one()


def add_silence(connection: Connection, target: str, **values: Any) -> int:
    """Insert a silence that holds for an hour, and return the id."""
    defaults = {
        "target": target,
        "until": datetime.now(UTC) + timedelta(hours=1),
        "reason": "being repaired",
        "actor": "ada",
    }
    statement = insert(AlertSilence).values({**defaults, **values})
    return connection.execute(statement.returning(AlertSilence.id)).scalar_one()


def add_message(connection: Connection, **values: Any) -> int:
    """Insert a message that waits to be told, and return the id."""
    number = next(_numbers)
    defaults = {
        "key": f"alert:{number}:opened",
        "kind": MessageKind.OPENED,
        "severity": Severity.WARNING,
        "title": "WARNING: Something waits.",
        "body": "Something waits.",
    }
    statement = insert(AlertMessage).values({**defaults, **values})
    return connection.execute(statement.returning(AlertMessage.id)).scalar_one()
