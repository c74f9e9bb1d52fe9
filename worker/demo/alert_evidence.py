"""What became of the day's alerts: rows, and what arrived at the operators' channel."""

import json
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, text

from models.alerts import MessageKind, Severity
from worker.alerts.open_alert import open_alerts
from worker.alerts.ways import letter_of

_ALERTS = text("SELECT id, fingerprint, kind, state, flaps FROM alerts ORDER BY id")
_MESSAGES = text("""
SELECT key, kind, state, way, alert_id, severity, title, body
FROM alert_messages ORDER BY id
""")

#: Title and body, as they leave the house.
Text = tuple[str, str]


def alert_rows_of(connection: Connection) -> dict[str, list[dict[str, Any]]]:
    """Read what the database says of alerts and messages."""
    alerts = connection.execute(_ALERTS).mappings()
    messages = connection.execute(_MESSAGES).all()
    return {
        "alerts": [dict(row) for row in alerts],
        "alert_messages": [_told(row) for row in messages],
    }


def open_alerts_of(connection: Connection, besides: str) -> int:
    """Return how many alerts are open, besides those of one kind."""
    query = text("SELECT count(*) FROM alerts WHERE state = 'open' AND kind <> :kind")
    return int(connection.execute(query, {"kind": besides}).scalar_one())


def is_told(connection: Connection, kind: str) -> bool:
    """Tell whether somebody has been told of an alert of this kind."""
    return any(
        alert.kind == kind and alert.is_told
        for alert in open_alerts(connection).values()
    )


def heard_in(file: Path) -> list[Text]:
    """Read what the alert sink was told; nothing, if it was told nothing."""
    lines = file.read_text().splitlines() if file.exists() else []
    posted = [json.loads(line) for line in lines]
    return [(message["title"], message["message"]) for message in posted]


def _told(row: Row[Any]) -> dict[str, Any]:
    kind, severity = MessageKind(row.kind), Severity(row.severity)
    letter = letter_of(kind, severity, row.title, row.body)
    return {
        "key": row.key,
        "kind": row.kind,
        "state": row.state,
        "way": row.way,
        "alert_id": row.alert_id,
        # apprise takes the blanks off the ends.
        "text": (letter.title.strip(), letter.body.rstrip()),
    }
