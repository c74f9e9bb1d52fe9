"""What goes wrong with a channel as a whole."""

from worker.errors import OutageError, PermanentError, TransientError


class UnreachableError(TransientError):
    """The other side cannot be talked to, whatever the row.

    Trying the next row of the same run would only wait as long again, in a queue that
    others share.
    """


class RefusesUsError(UnreachableError, OutageError):
    """The other side does not take us: a password, a token, a policy.

    A person has to mend it. Until then it is tried with growing waits, and no row dies
    of it.
    """


class AddressRefusedError(PermanentError):
    """There is nobody at this address, for good: nothing more is sent there."""
