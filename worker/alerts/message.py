"""The one writer of messages to the operators: each key once, whoever asks again."""

from sqlalchemy import Connection, text

from models.alerts import MessageKind, Severity

_WRITE = text("""
INSERT INTO alert_messages (key, kind, severity, title, body, alert_id)
VALUES (:key, :kind, :severity, :title, :body, :alert_id)
ON CONFLICT (key) DO NOTHING RETURNING id
""")


def write_message(  # noqa: PLR0913 (the columns of a message)
    connection: Connection,
    *,
    key: str,
    kind: MessageKind,
    severity: Severity,
    title: str,
    body: str,
    alert_id: int | None = None,
) -> int | None:
    """Write a message that ``alerts.send`` is to tell.

    Args:
        connection: In the transaction that makes it true, so that both are or neither.
        key: What makes it the same message: ``alert:17:opened``, ``digest:2026-11-21``.
        kind: What it tells.
        severity: Decides which ways out are tried.
        title: One line.
        body: Plain text; line ends count, nothing else is a mark-up.
        alert_id: The alert it is about; none for a digest.

    Returns:
        Id of the row, to be rung for; None: it was written before.
    """
    written = connection.execute(
        _WRITE,
        {
            "key": key,
            "kind": kind,
            "severity": severity,
            "title": _storable(title),
            "body": _storable(body),
            "alert_id": alert_id,
        },
    )
    found: int | None = written.scalar_one_or_none()
    return found


def _storable(words: str) -> str:
    # What PostgreSQL has no place for must not cost the operators their message.
    whole = words.encode(errors="replace").decode()
    return whole.replace("\0", "\N{REPLACEMENT CHARACTER}")
