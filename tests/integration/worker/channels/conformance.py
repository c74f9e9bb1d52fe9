"""What the suite of the channels' contract needs of each channel: its far side."""

from enum import StrEnum
from typing import Protocol

from worker.channels.contract import Channel, Message

#: Stands in every message, and in what the far side says when it refuses: no error and
#: no log line may hold any of it.
PERSON = ("Grace Canary", "grace.canary", "4915199912345")


class Fault(StrEnum):
    """What a far side may do wrong."""

    #: May pass by itself.
    BUSY = "busy"
    #: Refuses this message for good.
    REFUSED = "refused"
    #: There is nobody at that address.
    NOBODY = "nobody"
    #: Refuses us, whatever the message.
    US = "us"
    #: Takes the connection, and says nothing.
    SILENT = "silent"
    #: Says a little now and then, and comes to no end.
    SLOW = "slow"
    #: Takes the message, and its answer is lost.
    LOST = "lost"
    #: Takes the message, and says nothing of it.
    MUTE = "mute"


class FarSide(Protocol):
    """The server behind a channel, as the suite plays with it."""

    def channel(self) -> Channel:
        """Return a channel to it, not yet opened."""

    def nowhere(self) -> Channel:
        """Return a channel to where nobody listens."""

    def message(self, number: int, address: str | None = None) -> Message:
        """Return a message to ``PERSON``; the same number has the same key."""

    def misbehave(self, fault: Fault | None) -> None:
        """Do so from now on; None: behave."""

    def received(self) -> int:
        """Return how many messages it has taken."""

    def connections(self) -> int:
        """Return how many connections there have been."""

    def cut(self) -> None:
        """Close all connections, as a server that is tired of them."""
