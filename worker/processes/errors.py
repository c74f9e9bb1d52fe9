"""Why the processes do not run."""

from worker.errors import PaddlewheelError


class StackError(PaddlewheelError):
    """The stack cannot run."""


class ProcfileError(PaddlewheelError):
    """A line of the Procfile cannot be understood."""


class PortTakenError(PaddlewheelError):
    """Somebody else listens on a port that we need."""


class NotLocalError(PaddlewheelError):
    """The settings name another environment than this machine."""
