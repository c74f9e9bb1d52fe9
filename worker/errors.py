"""Errors, sorted by what the one who meets them should do."""

from datetime import timedelta


class PaddlewheelError(Exception):
    """Something Paddlewheel can say in one sentence."""


class SettingsError(PaddlewheelError):
    """The settings are missing, contradict each other or name something unknown.

    The message has one sentence per problem, each on a line of its own.
    """


class EnvironmentMismatchError(PaddlewheelError):
    """The database belongs to another environment than the settings name."""


class PermanentError(PaddlewheelError):
    """Trying again will not help: the row becomes a dead letter at once."""


class MalformedPayloadError(PermanentError):
    """A signed body that cannot be understood; the message names the field."""


class ConflictError(PermanentError):
    """The same event id came with another content."""


class TransientError(PaddlewheelError):
    """It may pass by itself: the row is put off by the retry policy."""

    def __init__(self, message: str, wait_at_least: timedelta = timedelta()) -> None:
        """Say what happened, and how long the other side asked us to wait."""
        super().__init__(message)
        self.wait_at_least = wait_at_least


class OutageError(TransientError):
    """The other side's fault or a setting's, whatever the row.

    Put off with growing waits until it is over, and never counted towards death.
    """


class LostLeaseError(PaddlewheelError):
    """Somebody else holds the rows now: nothing of this attempt may be kept."""


class TaskOutOfMemoryError(PaddlewheelError):
    """A task ran out of memory.

    A bare ``MemoryError`` ends the whole Celery worker (celery 5.7
    ``worker/request.py``), so the base task turns it into this one.
    """


class TaskFailedError(PaddlewheelError):
    """An error that nobody expected, told without the data it carries.

    Celery shows the text of an error in its log and in Flower.
    """
