"""What operators need: dead letters, failed attempts, the stamp, who did what."""

from enum import StrEnum


class LetterState(StrEnum):
    """What became of a dead letter."""

    #: A person must look.
    OPEN = "open"
    #: Its work was given another chance.
    REPLAYED = "replayed"
    #: A person decided that nothing is to be done.
    DISCARDED = "discarded"
