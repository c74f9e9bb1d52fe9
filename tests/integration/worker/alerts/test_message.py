"""Messages are written once a key, whatever stands in them."""

from datetime import timedelta

from sqlalchemy import Engine

from models.alerts import MessageKind, Severity
from tests.factories import one, rows
from worker.alerts.message import write_message


def write(engine: Engine, key: str, title: str = "Mail is refused") -> int | None:
    with engine.begin() as connection:
        return write_message(
            connection,
            key=key,
            kind=MessageKind.DIGEST,
            severity=Severity.INFO,
            title=title,
            body="Line one\nLine two",
        )


def test_a_message_is_written_once(engine: Engine) -> None:
    first = write(engine, "digest:2026-11-21")
    assert write(engine, "digest:2026-11-21", "Another") is None
    assert write(engine, "digest:2026-11-22") not in {first, None}
    found = rows(
        engine,
        "SELECT id, state, kind, severity, title, body, alert_id, way, attempts"
        " FROM alert_messages ORDER BY id LIMIT 1",
    )
    words = ("Mail is refused", "Line one\nLine two")
    assert found == [(first, "pending", "digest", "info", *words, None, None, 0)]


def test_it_is_due_at_once(engine: Engine) -> None:
    write(engine, "digest:2026-11-21")
    waits = one(engine, "SELECT next_attempt_at - created_at FROM alert_messages")
    assert waits == timedelta()


def test_what_cannot_be_stored_does_not_cost_the_message(engine: Engine) -> None:
    assert write(engine, "digest:2026-11-21", "A\0B\ud800C") is not None
    assert one(engine, "SELECT title FROM alert_messages") == "A\ufffdB?C"
