"""What every snapshot of a provider's entity has."""

from dataclasses import dataclass

from models.clock import Clock
from models.key import Key


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An entity, whole, as one event told it."""

    key: Key
    clock: Clock
