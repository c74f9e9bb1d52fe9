"""A run as its legs see it, and what a step of it came to."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection

from models.reconciliation import RunKind, RunScope, RunStage
from worker.providers.api import ProviderApi


@dataclass(frozen=True, slots=True)
class Run:
    """A row of ``reconciliation_runs``; see there."""

    id: int
    provider: str
    kind: RunKind
    scope: RunScope
    stage: RunStage
    #: By the database's clock.
    began_at: datetime
    since: datetime | None
    mails: bool
    position: str
    expected: int | None
    seen: int
    found: int
    #: Of a dry run: ids that were seen, as nothing of it is confirmed in our rows.
    noted: set[str] | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """What one step came to; written in the same transaction as what it found."""

    #: Where the next step begins.
    position: str
    #: How much was looked at in this step.
    seen: int = 0
    #: What differed or was missing in this step.
    found: int = 0
    #: Rows that were put into the inbox.
    stored: Sequence[int] = ()
    #: New rows of ``access_changes``.
    changes: Sequence[int] = ()
    #: How much there is in all; None: nobody says.
    expected: int | None = None
    #: Whether there is no next step.
    is_over: bool = False
    #: Why not everything could be looked at; empty: it could.
    gap: str = ""


class Leg(Protocol):
    """How one kind of run goes on, step by step.

    Asking and writing are apart: nothing is locked while somebody is asked, and a step
    is written whole, together with where the next one begins, or not at all.
    """

    def look(self, api: ProviderApi, run: Run) -> Any:  # noqa: ANN401 (the leg's own)
        """Ask the provider for the next step; touches no rows."""
        ...

    def keep(self, connection: Connection, run: Run, answer: Any) -> Progress:  # noqa: ANN401
        """Compare an answer with our rows, and write what came of it."""
        ...
