"""How numbers of things are written for people."""


def counted(count: int, noun: str) -> str:
    """Return a number with its noun, which takes an s: ``1 row``, ``1,000 rows``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
