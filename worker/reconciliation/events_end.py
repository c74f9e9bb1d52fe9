"""Tells whether the list of events ended because there was no more, or was cut.

By what we have: an event that was delivered stands on the list, too. Where one stands
behind the list's last, the list ended too soon. That costs no request.
"""

from datetime import datetime

from sqlalchemy import Connection, text

from worker.providers.registry import PROVIDERS
from worker.reconciliation import cursor
from worker.reconciliation.cursor import LISTED_FOR, OVERLAP

CUT = "the list was cut: an event was delivered that should stand behind its last"

# Ids sort by creation, as bytes. What was compared before is not looked for again.
_BEHIND = text("""
SELECT EXISTS (
  SELECT FROM inbox
  WHERE received_at > :since AND provider = :provider AND source = 'webhook'
    AND event_id COLLATE "C" > :last AND occurred_at < :before
    AND NOT starts_with(event_id, :simulated))
""")


def is_cut(
    connection: Connection, provider: str, last: str, began_at: datetime
) -> bool:
    """Tell whether a list should have gone on behind its last event.

    Args:
        connection: Where to look.
        provider: Whose list.
        last: The id of its last event; empty: there was none.
        began_at: When the walk began; what is younger may not be listed yet.
    """
    reached = cursor.reached(connection, provider) or began_at - LISTED_FOR
    given = {
        "provider": provider,
        "since": reached - OVERLAP,
        "before": began_at - OVERLAP,
        "last": last,
        "simulated": PROVIDERS[provider].simulated,
    }
    return bool(connection.execute(_BEHIND, given).scalar_one())
