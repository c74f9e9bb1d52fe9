"""Addresses to which nothing is sent any more, each over one channel."""

from collections.abc import Iterable

from sqlalchemy import Connection, text

from models.notices import ChannelName
from models.people import normalized

_REASONS = text("""
SELECT channel, address, reason
FROM unnest(CAST(:channels AS text[]), CAST(:addresses AS text[])) AS place(channel, address)
JOIN suppressions USING (channel, address)
""")
# The first reason stays: a later one is about a message that was under way.
_SUPPRESS = text("""
INSERT INTO suppressions (channel, address, reason, notification_id)
VALUES (:channel, :address, :reason, :notification_id)
ON CONFLICT (channel, address) DO NOTHING
""")
_LIFT = text("""
DELETE FROM suppressions WHERE channel = :channel AND address = :address
""")


def suppressed(
    connection: Connection, channel: ChannelName, address: str
) -> str | None:
    """Return why nothing is sent to an address; None: it is."""
    return all_suppressed(connection, [(channel, address)]).get((channel, address))


def all_suppressed(
    connection: Connection, places: Iterable[tuple[ChannelName, str]]
) -> dict[tuple[ChannelName, str], str]:
    """Return those of some addresses to which nothing is sent, each with the reason."""
    told = {
        (str(channel), normalized(address)): (channel, address)
        for channel, address in places
    }
    asked = {"channels": [c for c, _ in told], "addresses": [a for _, a in told]}
    rows = connection.execute(_REASONS, asked)
    return {told[row.channel, row.address]: row.reason for row in rows}


def suppress(
    connection: Connection,
    channel: ChannelName,
    address: str,
    reason: str,
    notification_id: int | None,
) -> None:
    """Send nothing more to an address.

    Args:
        connection: An open transaction.
        channel: Over which way.
        address: As it was given.
        reason: The far side's words, without the address; or the operator's.
        notification_id: Whose answer it was; None: an operator's doing.
    """
    told = {"reason": reason, "notification_id": notification_id}
    connection.execute(_SUPPRESS, _place(channel, address) | told)


def lift(connection: Connection, channel: ChannelName, address: str) -> bool:
    """Send to an address again; tell whether nothing was sent there."""
    return connection.execute(_LIFT, _place(channel, address)).rowcount == 1


def _place(channel: ChannelName, address: str) -> dict[str, object]:
    return {"channel": str(channel), "address": normalized(address)}
