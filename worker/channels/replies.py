"""What a server says, as operators may read it: without names and addresses."""

import re
from collections.abc import Iterable

from worker.channels.letter import without_controls

#: A server's words are shown to operators; the rest of a longer reply helps nobody.
LONGEST_WORDS = 200
#: Anything that could be an address, quoted and international ones included.
ADDRESS = re.compile(r"[^\s<>(),;:]*@[^\s<>(),;]*")


def clean_words(words: bytes, secrets: Iterable[str]) -> str:
    """Return a server's words on one line, without these and without any address."""
    text = without_controls(words.decode("utf-8", "replace"))
    for secret in secrets:
        # Whole words: a name of one letter would leave nothing to read.
        exact = rf"(?<!\w){re.escape(secret)}(?!\w)"
        text = re.sub(exact, "…", text, flags=re.IGNORECASE)
    return ADDRESS.sub("…", text)[:LONGEST_WORDS]
