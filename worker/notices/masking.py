"""How addresses are shown to whom they are not meant for."""

#: Digits of a number that are left at its end.
LAST_DIGITS = 2


def masked(address: str) -> str:
    """Return an address of which one can tell that it is the same, and not whose.

    ``ada@example.com`` becomes ``a…@example.com``, ``+4915112345678`` ``+49…78``.
    """
    local, at, domain = address.rpartition("@")
    if at:
        return f"{local[:1]}…@{domain}"
    return f"{address[:3]}…{address[-LAST_DIGITS:]}"
