"""How the mail sink's files are named: so that a mail is found by its Message-ID."""

import hashlib


def mark_of(message_id: str) -> str:
    """Return the end of a file's name, the same for the same Message-ID."""
    return hashlib.sha256(message_id.strip().encode()).hexdigest()[:16]
