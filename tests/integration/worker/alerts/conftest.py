"""A condition that the test writes the script of, and a clock that it moves."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, Engine, text

from worker.alerts import asking
from worker.alerts import watch as module
from worker.alerts.condition import Condition, Finding
from worker.alerts.stakes import Stakes
from worker.alerts.watch import watch
from worker.settings import Settings, settings


class Scripted(Condition):
    """Finds what the test says."""

    kind = "scripted"
    opens = "When the test says so."

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.touches = Stakes()
        self.error: Exception | None = None
        self.asks: Callable[[Connection], object] = lambda _: None

    def look(self, connection: Connection, config: Settings) -> Iterable[Finding]:
        self.asks(connection)
        if self.error is not None:
            raise self.error
        return self.findings

    def stakes(self, connection: Connection, subject: str) -> Stakes:
        return self.touches

    def finds(self, *subjects: str, **facts: object) -> None:
        """Let it find something about each subject; none: all is well."""
        self.findings = [found(subject, **facts) for subject in subjects]


def found(subject: str = "", **facts: object) -> Finding:
    """Something that is wrong."""
    values: dict[str, object] = {
        "summary": f"{subject or 'it'} is broken",
        "since": datetime.now(UTC),
        "next_steps": ("./paddlewheel status",),
        "subject": subject,
    }
    return Finding(**(values | facts))  # type: ignore[arg-type]


@pytest.fixture
def condition(monkeypatch: pytest.MonkeyPatch) -> Scripted:
    """The only condition there is."""
    made = Scripted()
    monkeypatch.setattr(module, "CONDITIONS", (made,))
    monkeypatch.setattr(asking, "BY_KIND", {made.kind: made})
    return made


@pytest.fixture
def look(core: Engine) -> Callable[[], list[int]]:
    """Return a function that looks once, as ``alerts.watch`` does."""
    return lambda: watch(core, settings())


@pytest.fixture
def pass_time(core: Engine) -> Callable[[str], None]:
    """Return a function that lets an interval pass for every alert: ``'2 hours'``."""

    def move(interval: str) -> None:
        columns = ("since", "opened_at", "absent_since", "resolved_at", "remind_at")
        moved = ", ".join(f"{name} = {name} - :by" for name in columns)
        statement = text(
            f"UPDATE alerts SET {moved}".replace(":by", f"interval '{interval}'")
        )
        with core.begin() as connection:
            connection.execute(statement)
            connection.execute(
                text(f"UPDATE alert_silences SET until = until - interval '{interval}'")
            )

    return move
