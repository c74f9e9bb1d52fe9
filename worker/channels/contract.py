"""What every way to a person is: one small contract, one suite of tests for all.

A message goes out at most once. So a channel tells what is certain from what is not:
it calls ``begin`` just before the message may go out, and from there on only an answer
gives certainty; what has none ends doubtful.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol, Self

from models.notices import NoticeKind
from worker.channels.deadline import Deadline
from worker.channels.letter import Words
from worker.lifecycle import Ending


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whom a message is for, as strangers wrote it."""

    name: str | None
    #: The mail address, or the number with its country, as the channel needs it.
    address: str
    #: A language tag (BCP 47), as the provider or the shop knows it; empty: none.
    locale: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One message to one person, ready to go."""

    kind: NoticeKind
    #: Unique for ever; the same message has the same key, whatever happens.
    key: str
    #: Made of the key once, kept with the row; with its angle brackets.
    message_id: str
    recipient: Recipient
    words: Words
    #: What the words were made of, for channels with templates of their own.
    facts: Mapping[str, str]


class Channel(Protocol):
    """A way to people, opened for one run of the task."""

    #: Whether the far side takes the key and passes over a repetition, so that a message
    #: in doubt could go out again by itself. Of none it is so today.
    takes_key: ClassVar[bool]

    def __enter__(self) -> Self:
        """Use it for one run; nothing is opened yet."""
        ...

    def __exit__(self, *_: object) -> None:
        """Hang up."""
        ...

    def deliver(
        self, message: Message, deadline: Deadline, begin: Callable[[], None]
    ) -> Ending:
        """Hand one message over.

        Args:
            message: What, and to whom.
            deadline: When everything must be over.
            begin: Called just before the message may go out. It must have noted that
                durably; what it raises leaves, with nothing sent.

        Returns:
            ``sent``, or ``doubtful`` with the reason.

        Raises:
            UnreachableError: Certainly not sent: the far side cannot be talked to,
                whatever the message. ``RefusesUsError`` if it does not take us: that
                may be said after ``begin``, too.
            AddressRefusedError: Certainly not sent: there is nobody at that address, for
                good. Nothing more is sent there.
            PermanentError: Certainly not sent, refused for good.
            TransientError: Certainly not sent, may pass by itself.
        """
        ...
