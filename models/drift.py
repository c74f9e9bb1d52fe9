"""What a provider sends that this release does not know, and how far was looked."""

from enum import StrEnum


class DriftKind(StrEnum):
    """What is new."""

    #: A type of event; its events are ignored.
    TYPE = "type"
    #: A field; nothing is read from it.
    FIELD = "field"
    #: A value of a field that has a fixed set of them; stored as it came.
    ENUM = "enum"
