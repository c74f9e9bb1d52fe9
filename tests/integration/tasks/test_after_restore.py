"""After a restore of the database nobody hears again what he was told before."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from models.reconciliation import RunKind, RunScope
from tests import outgoing
from tests.checking import alter
from tests.factories import add_event, one
from tests.fixtures.mail_server import MailServer
from tests.integration.tasks.conftest import Desk
from tests.purchases import purchase
from tests.reconciling import add_run
from worker.settings import Settings
from worker.work_tables import NOTIFICATIONS

BOUGHT = datetime(2026, 11, 1, 12, tzinfo=UTC)
WAITING = "SELECT state FROM notifications WHERE next_attempt_at > now()"
OLDER = "UPDATE reconciled_events SET found_at = now() - interval '11 minutes'"


@pytest.fixture
def desk(
    engine: Engine,
    mail_server: MailServer,
    settings_of_tasks: Callable[..., Settings],
) -> Iterator[Desk]:
    config = settings_of_tasks(smtp_url=mail_server.url)
    from tasks.send import Post  # noqa: PLC0415 (the app reads settings at import)

    with ExitStack() as opened:

        def make(config: Settings) -> Post:
            return opened.enter_context(Post(config))

        yield Desk(engine, NOTIFICATIONS, config, make)


def missed(desk: Desk, explanation: str | None) -> None:
    """Add a welcome to what an event gave that no delivery brought."""
    run = add_run(desk.engine)
    with desk.engine.begin() as connection:
        body = purchase()[-1]
        inbox = add_event(connection, body)
        given = outgoing.add_enrollment(connection)
        outgoing.add_notification(connection, enrollment_id=given)
        connection.execute(
            text("""
            INSERT INTO enrollment_history
              (enrollment_id, version, state, reason, cause_kind, cause_ref)
            VALUES (:id, 1, 'active', 'purchased', 'reconciliation', :cause)
            """),
            {"id": given, "cause": f"run {run}: {body['event_id']}"},
        )
        connection.execute(
            text("""
            INSERT INTO reconciled_events (inbox_id, run_id, reason, explanation)
            VALUES (:inbox, :run, 'missed', :explanation)
            """),
            {"inbox": inbox, "run": run, "explanation": explanation},
        )


class Restored:
    """A purchase that comes back by both ways: as an object, and as missed events."""

    def __init__(self, desk: Desk) -> None:
        self.engine = desk.engine
        self.objects = add_run(self.engine, RunKind.TRANSACTIONS, RunScope.ALL)
        self.events = add_run(self.engine)
        with self.engine.begin() as connection:
            learner = outgoing.add_learner(connection)
            course = outgoing.add_course(connection)
            place = {"learner_id": learner, "course_key": course}
            self.enrollment = outgoing.add_enrollment(connection, **place)
            outgoing.add_notification(
                connection, learner_id=learner, enrollment_id=self.enrollment
            )
            connection.execute(
                text("""
                INSERT INTO grants (provider, source_id, line_id, course_key,
                  learner_id, state, cause, starts_at)
                VALUES ('paddle', 'txn_1', 'l', :course_key, :learner_id, 'active',
                  'purchased', :paid)
                """),
                {**place, "paid": BOUGHT},
            )

    def compare_objects(self) -> None:
        """The object differs, and gives the access."""
        self._give("pw_1", "differs", self.objects)

    def find_lost_event(self) -> None:
        """An event that never arrived was missed, and gives the access."""
        self._give("evt_0", "missed", self.events, "failed")

    def _give(self, event: str, reason: str, run: int, why: str | None = None) -> None:
        self._bring(event, reason, run, why)
        with self.engine.begin() as connection:
            connection.execute(
                text("""
                INSERT INTO enrollment_history
                  (enrollment_id, version, state, reason, cause_kind, cause_ref)
                VALUES (:id, 1, 'active', 'purchased', 'reconciliation', :cause)
                """),
                {"id": self.enrollment, "cause": f"run {run}: {event}"},
            )

    def walk_events(
        self, explanation: str | None, occurred_at: datetime = BOUGHT
    ) -> None:
        """An event of the purchase was missed, and the run ends."""
        self._bring("evt_1", "missed", self.events, explanation, occurred_at)
        with self.engine.begin() as connection:
            connection.execute(
                text("""
                UPDATE reconciliation_runs SET state = 'complete',
                  finished_at = clock_timestamp() WHERE id = :id
                """),
                {"id": self.events},
            )

    def _bring(
        self,
        event: str,
        reason: str,
        run: int,
        explanation: str | None = None,
        occurred_at: datetime = BOUGHT,
    ) -> None:
        with self.engine.begin() as connection:
            connection.execute(
                text("""
                WITH stored AS (
                  INSERT INTO inbox (provider, event_id, digest, occurred_at, state)
                  VALUES ('paddle', :event, '', :occurred_at, 'processed') RETURNING id
                ), told AS (
                  INSERT INTO event_entities (entity_id, inbox_id)
                  SELECT 'txn_1', id FROM stored
                )
                INSERT INTO reconciled_events (inbox_id, run_id, reason, explanation)
                SELECT id, :run, :reason, :explanation FROM stored
                """),
                {
                    "event": event,
                    "occurred_at": occurred_at,
                    "run": run,
                    "reason": reason,
                    "explanation": explanation,
                },
            )


def test_what_comes_back_as_an_object_first_waits_for_the_events(
    desk: Desk, mail_server: MailServer
) -> None:
    restored = Restored(desk)
    restored.compare_objects()
    desk.work()
    assert one(desk.engine, WAITING) == "pending"

    restored.walk_events("forgotten")
    assert desk.work_when_due().sentence() == "1 skipped"
    assert mail_server.mails == []


def test_what_comes_back_as_an_object_after_its_events_was_told_before(
    desk: Desk, mail_server: MailServer
) -> None:
    restored = Restored(desk)
    restored.walk_events(None)
    restored.compare_objects()
    desk.work()
    assert one(desk.engine, WAITING) == "pending"

    with desk.engine.begin() as connection:
        explained = """UPDATE reconciled_events SET explanation = 'forgotten'
                       WHERE reason = 'missed'"""
        connection.execute(text(explained))
    assert desk.work_when_due().sentence() == "1 skipped"
    assert mail_server.mails == []


def test_of_several_events_of_a_purchase_one_that_had_arrived_is_enough(
    desk: Desk, mail_server: MailServer
) -> None:
    restored = Restored(desk)
    restored.find_lost_event()
    restored.walk_events("forgotten")
    assert desk.work().sentence() == "1 skipped"
    assert mail_server.mails == []


NEWS = {
    "never delivered": ("failed", BOUGHT),
    "only opened then": ("forgotten", BOUGHT - timedelta(minutes=30)),
}


@pytest.mark.parametrize(("explanation", "occurred_at"), NEWS.values(), ids=NEWS)
def test_what_comes_as_an_object_and_is_news_is_told_behind_the_walk(
    desk: Desk, mail_server: MailServer, explanation: str, occurred_at: datetime
) -> None:
    restored = Restored(desk)
    restored.compare_objects()
    restored.walk_events(explanation, occurred_at)
    assert desk.work().sentence() == "1 sent"
    assert len(mail_server.mails) == 1


def test_what_comes_as_an_object_waits_for_no_walk_for_ever(
    desk: Desk, mail_server: MailServer
) -> None:
    Restored(desk).compare_objects()
    alter(desk.engine, OLDER)

    assert desk.work().sentence() == "1 sent"
    assert len(mail_server.mails) == 1


def test_what_was_delivered_before_was_told_before(
    desk: Desk, mail_server: MailServer
) -> None:
    missed(desk, "forgotten")

    assert desk.work().sentence() == "1 skipped"
    assert mail_server.mails == []
    reason = "SELECT reason FROM notifications"
    assert one(desk.engine, reason) == "told before the database was restored"


@pytest.mark.parametrize("explanation", ["failed", "inactive", "unknown"])
def test_what_never_came_is_told(
    explanation: str, desk: Desk, mail_server: MailServer
) -> None:
    missed(desk, explanation)

    assert desk.work().sentence() == "1 sent"
    assert len(mail_server.mails) == 1


def test_a_mail_waits_until_it_is_known_but_not_for_ever(
    desk: Desk, mail_server: MailServer
) -> None:
    missed(desk, None)

    desk.work()
    assert mail_server.mails == []
    assert one(desk.engine, WAITING) == "pending"

    alter(desk.engine, OLDER)
    assert desk.work_when_due().sentence() == "1 sent"
