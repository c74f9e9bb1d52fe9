"""What is told of each step."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """What one step did, or would do."""

    name: str
    words: str
    #: Whether it holds what is copied, which no line end may cut.
    is_copied: bool = False
