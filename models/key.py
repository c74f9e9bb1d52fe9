"""How an entity of a provider is named."""

from typing import NamedTuple


class Key(NamedTuple):
    """An entity of a provider."""

    provider: str
    id: str
