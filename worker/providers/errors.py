"""What goes wrong when a provider is asked, sorted by what helps.

Messages never hold the key, nor what the provider wrote in prose: it may quote data.
"""

from datetime import timedelta
from typing import Self

from worker.errors import OutageError, PermanentError, TransientError


class Answered:
    """What all of them have: how the provider answered, where it did."""

    #: Of HTTP; 0: it gave no answer, or none that tells more than the message.
    status: int = 0
    #: The provider's own word; empty: it said none.
    code: str = ""

    def by(self, status: int, code: str) -> Self:
        """Note how it answered."""
        self.status = status
        self.code = code
        return self


class ApiRefusedError(Answered, OutageError):
    """The key is not believed, or may not do this: a person has to change it."""

    def __init__(self, message: str, lacking: str = "") -> None:
        """Say why.

        Args:
            message: What was refused.
            lacking: The permissions that the key lacks; empty: it is not that.
        """
        super().__init__(message)
        self.lacking = lacking


class AnotherAccountError(ApiRefusedError):
    """The key belongs to an account that sends nothing here: it is another shop's."""


class ApiBusyError(Answered, OutageError):
    """It asks to be left alone for a while; ``wait_at_least`` says for how long."""

    def __init__(self, message: str, retry_after: timedelta) -> None:
        """Say what was asked for."""
        super().__init__(message, retry_after)


class NoTurnError(ApiBusyError):
    """The budget of requests is used up, or the provider is left alone for a while.

    Nobody was asked.
    """


class ApiDownError(Answered, OutageError):
    """No answer, or none that can be understood."""


class ApiListError(ApiDownError):
    """A list contradicts itself: what lies behind cannot be had."""


class ApiLockedError(Answered, TransientError):
    """What was asked for is held by something that ends by itself; all else goes on."""


class ApiError(Answered, PermanentError):
    """It understood, and said no; asking the same again will not help."""

    def __init__(self, status: int, code: str, detail: str = "") -> None:
        """Say how it answered.

        Args:
            status: Of HTTP.
            code: The provider's own word.
            detail: Its sentence, for a person at a terminal: it may quote what was
                asked, so it is no part of the message.
        """
        super().__init__(f"answered {status} ({code})")
        self.by(status, code)
        self.detail = detail
