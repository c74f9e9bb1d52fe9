"""Messages to people as ``/metrics`` counts them: from rows, bounded, never in its way."""

from sqlalchemy import Engine, text

from tests import outgoing
from tests.fixtures.receivers import Running, StartReceiver

EAGER = {"messages.ANSWER_HOLDS_SECONDS": 0}
#: The server answers nobody here.
AWAY = "postgresql://nobody@127.0.0.1:9/none"


def messages(receiver: Running) -> dict[str, float]:
    """Return the numbers by kind and state, of those that there are."""
    name = "paddlewheel_messages"
    found = receiver.metrics().items()
    return {line.removeprefix(name): n for line, n in found if line.startswith(name)}


def test_messages_are_counted_by_kind_and_state(
    start_receiver: StartReceiver, engine: Engine
) -> None:
    receiver = start_receiver(EAGER)
    assert messages(receiver) == {}
    with engine.begin() as connection:
        for state in ("pending", "pending", "doubtful", "sent", "sent", "skipped"):
            outgoing.add_notification(connection, state=state)
        ended = "UPDATE notifications SET finished_at = now() WHERE state <> 'pending'"
        connection.execute(text(ended))
        old = "SELECT min(id) FROM notifications WHERE state = 'sent'"
        connection.execute(
            text(
                "UPDATE notifications SET finished_at = now() - interval '25 hours'"
                f" WHERE id = ({old})"
            )
        )

    assert messages(receiver) == {
        '{kind="welcome",state="pending"}': 2,
        '{kind="welcome",state="doubtful"}': 1,
        '{kind="welcome",state="sent"}': 1,
        '{kind="welcome",state="skipped"}': 1,
    }


def test_a_database_that_is_away_does_not_hold_up_the_rest(
    start_receiver: StartReceiver,
) -> None:
    receiver = start_receiver(path="/health", database_url=AWAY)

    status, page = receiver.get("/metrics")

    assert status == 200
    assert "paddlewheel_acknowledgement_seconds" in page
    assert messages(receiver) == {}
