"""Why an embedded server is not there."""

from worker.errors import PaddlewheelError


class ServerError(PaddlewheelError):
    """An embedded server could not be started or stopped."""


class NoBinariesError(ServerError):
    """There is no embedded server for this platform."""
