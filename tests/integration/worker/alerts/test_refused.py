"""``refused``: says who it is that does not take what it is sent, and where to look."""

from collections.abc import Callable

import pytest
from sqlalchemy import Engine, text

from tests import outgoing
from worker.alerts.condition import Finding
from worker.alerts.refused import Refused
from worker.settings import settings

#: Somebody has watched all the time: what is old counts as old.
WATCHED = """
INSERT INTO heartbeats VALUES ('alerts.watch', now(), now() - interval '9 days')
"""
AWAY = "UnreachableError: connecting: ConnectionRefusedError"
TOKEN_OVER = "RefusesUsError: answered 401, code 190"
NO_KEY = "ApiRefusedError: there is no key for the provider's API"
BUSY = "ApiBusyError: answered 429"
Look = Callable[[], list[Finding]]


@pytest.fixture
def findings(core: Engine) -> Look:
    """Return a function that looks at this condition alone."""
    with core.begin() as connection:
        connection.execute(text(WATCHED))

    def look() -> list[Finding]:
        with core.connect() as connection:
            return list(Refused().look(connection, settings()))

    return look


def add(engine: Engine, channel: str, error: str, hours: int = 1) -> None:
    """Add a message that has been refused for some hours."""
    with engine.begin() as connection:
        row_id = outgoing.add_notification(
            connection, channel=channel, last_error=error
        )
        since = "now() - :hours * interval '1 h'"
        moved = f"UPDATE notifications SET pending_since = {since} WHERE id = :id"
        connection.execute(text(moved), {"id": row_id, "hours": hours})


@pytest.mark.parametrize(
    ("channel", "error", "words"),
    [
        ("mail", AWAY, ("The mail server does not take", "SMTP_URL")),
        ("whatsapp", AWAY, ("WhatsApp does not take", "WHATSAPP_TOKEN")),
        ("whatsapp", TOKEN_OVER, ("WhatsApp does not take", "WHATSAPP_TOKEN")),
        ("mail", NO_KEY, ("The provider's API does not tell", "the API key")),
        ("whatsapp", BUSY, ("The provider's API does not tell", "the API key")),
    ],
)
def test_it_is_said_who_refuses_and_where_to_look(
    core: Engine, findings: Look, channel: str, error: str, words: tuple[str, str]
) -> None:
    who, where = words
    add(core, channel, error)

    (found,) = findings()

    assert found.summary.startswith(who)
    assert found.summary.endswith(f"1 row waiting, last: {error}")
    assert where in found.next_steps[-1]


def test_the_message_that_waits_longest_decides_who_is_named(
    core: Engine, findings: Look
) -> None:
    add(core, "mail", AWAY, hours=2)
    add(core, "whatsapp", TOKEN_OVER, hours=3)

    (found,) = findings()

    assert found.summary == (
        f"WhatsApp does not take what it is sent: 2 rows waiting, last: {TOKEN_OVER}"
    )
