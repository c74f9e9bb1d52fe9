"""One time line of all that happened to what is explained, oldest first."""

from collections.abc import Collection, Iterator
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Row

from models.access import BY_HAND
from models.findings import FindingKind
from worker.bulk import keys_of
from worker.explain import statements as sql
from worker.explain.entry import Entry
from worker.explain.event_words import WAYS, after, cause, ended, said
from worker.explain.scope import Scope
from worker.explain.words import minute
from worker.finding_words import SENTENCES
from worker.flower_links import task_link
from worker.money import money
from worker.providers.registry import PROVIDERS
from worker.settings import Settings
from worker.work_tables import ACCESS_CHANGES, INBOX, NOTIFICATIONS, PLATFORM_DELIVERIES

#: How long after an event its row must end for that to be worth a line of its own.
_AT_ONCE = timedelta(seconds=60)
#: Bodies of events of which the status is told.
MOST_READ = 200

Rows = set[tuple[str, int]]


class TimeLine:
    """Collects the entries of a scope."""

    def __init__(self, connection: Connection, scope: Scope, config: Settings) -> None:
        """Look through this connection."""
        self._connection = connection
        self._scope = scope
        self._config = config
        self._enrollments = {row.id: row.course_key for row in scope.enrollments}
        #: Rows of work tables that play a part: attempts and letters may be about them.
        self._rows: Rows = set()
        self.events = self._find(sql.EVENTS, ids=sorted(scope.events))

    def entries(self, changes: Collection[int]) -> list[Entry]:
        """Return everything, oldest first.

        Args:
            changes: Rows of ``access_changes`` that are not carried out yet.
        """
        self._rows |= {(ACCESS_CHANGES.name, id_) for id_ in changes}
        found = [
            *self._events(),
            *self._payments(),
            *self._grants(),
            *self._versions(),
            *self._mails(),
            *self._tellings(),
            *self._findings(),
        ]
        # After the rest: they are about the rows that those have met.
        found += [*self._attempts(), *self._letters()]
        return sorted(found, key=lambda one: one.at)

    def _find(self, statement: Any, **parameters: object) -> list[Row[Any]]:  # noqa: ANN401
        return list(self._connection.execute(statement, parameters))

    def _events(self) -> Iterator[Entry]:
        newest = len(self.events) - MOST_READ
        for position, row in enumerate(self.events):
            self._rows.add((INBOX.name, row.id))
            status = said(row) if position >= newest else ""
            kind = row.event_type or "a body that nobody can read"
            text = (
                f"{kind} came {WAYS[row.source]}{status}; {ended(row)} ({row.event_id})"
            )
            yield Entry(row.received_at, "event", text, inbox=row.id)
            late = row.finished_at and row.finished_at - row.received_at > _AT_ONCE
            if late or (row.generation > 1 and row.finished_at):
                again = f", replay {row.generation - 1}" if row.generation > 1 else ""
                text = f"{kind} was {row.state}{again} ({row.event_id})"
                yield Entry(row.finished_at, "event", text, inbox=row.id)
        for row in self._find(sql.VARIANTS, ids=sorted(self._scope.events)):
            self._rows.add(("inbox_variants", row.id))
            text = (
                f"another body came under the id of inbox {row.inbox_id}: {row.state}"
            )
            yield Entry(row.received_at, "event", text, inbox=row.inbox_id)

    def _payments(self) -> Iterator[Entry]:
        for row in self._find(sql.PAYMENTS, **keys_of(self._scope.transactions)):
            what = f"for {row.transaction_id}"
            if row.error_code and row.attempted_at:
                provider = PROVIDERS[row.provider]
                why = row.failure or provider.failure_words(row.error_code)
                yield Entry(row.attempted_at, "payment", f"{what}, failed: {why}")
            elif row.captured_at:
                how = f" by {row.method}" if row.method else ""
                yield Entry(row.captured_at, "payment", f"{what}, went through{how}")

    def _grants(self) -> Iterator[Entry]:
        numbers = []
        for row in self._scope.grants:
            name = row.source_id
            if row.source in BY_HAND:
                numbers.append(row.source_id)
                name = f"{row.source} (action {row.source_id})"
            until = f" until {minute(row.ends_at)}" if row.ends_at else ""
            text = f"{name} gives {row.course_key}: {row.state}, {row.cause}{until}"
            yield Entry(row.changed_at, "grant", text)
        yield from self._deeds(numbers)

    def _deeds(self, grants: Collection[str]) -> Iterator[Entry]:
        refs = {row.ref for row in self._scope.learners.values()}
        parameters = {
            "numbers": [int(number) for number in grants if number.isdecimal()],
            "targets": sorted(
                {
                    *refs,
                    *(f"{ref} {course}" for ref in refs for course in self._courses()),
                    *(f"learner {id_}" for id_ in self._scope.learners),
                }
            ),
        }
        for row in self._find(sql.DEEDS, **parameters):
            why = (row.detail or {}).get("reason")
            text = f"{row.actor}: {row.action}{f' ({why})' if why else ''}"
            yield Entry(row.done_at, "operator", text)

    def _courses(self) -> set[str]:
        return {
            *self._enrollments.values(),
            *(g.course_key for g in self._scope.grants),
        }

    def _versions(self) -> Iterator[Entry]:
        asked = {"enrollments": list(self._enrollments), "every": list(PROVIDERS)}
        for row in self._find(sql.HISTORY, **asked):
            until = f" until {minute(row.access_until)}" if row.access_until else ""
            text = (
                f"{row.course_key} is {row.state}, {row.reason}{until} (version"
                f" {row.version}), because of {cause(row)}"
            )
            number = row.enrollment_id
            yield Entry(row.changed_at, "access", text, enrollment=number)
            if row.told_at:
                text = f"the platform knows version {row.version} of {row.course_key}"
                yield Entry(row.told_at, "platform", text, enrollment=number)

    def _mails(self) -> Iterator[Entry]:
        for row in self._find(sql.MAILS, learners=list(self._scope.learners)):
            course = self._enrollments.get(row.enrollment_id)
            if row.enrollment_id is not None and course is None:
                continue
            self._rows.add((NOTIFICATIONS.name, row.id))
            about = f" about {course}" if course else ""
            why = row.reason or row.last_error
            text = f"{row.kind!r}{about} by {row.channel}: {row.state}{after(why)}"
            yield Entry(
                row.finished_at or row.created_at,
                "mail",
                text,
                enrollment=row.enrollment_id,
            )

    def _tellings(self) -> Iterator[Entry]:
        for row in self._find(sql.TELLINGS, enrollments=list(self._enrollments)):
            self._rows.add((PLATFORM_DELIVERIES.name, row.id))
            if row.state == "sent":
                continue
            text = (
                f"the platform is to be told version {row.version} of"
                f" {self._enrollments[row.enrollment_id]} and knows"
                f" {row.delivered_version}: {row.state}{after(row.last_error)}"
            )
            yield Entry(row.created_at, "platform", text, enrollment=row.enrollment_id)

    def _findings(self) -> Iterator[Entry]:
        subjects = {key.id for key in self._scope.entities}
        subjects |= {f"enrollment {id_}" for id_ in self._enrollments}
        known = set(FindingKind)
        for row in self._find(sql.FINDINGS, subjects=sorted(subjects)):
            words = SENTENCES[FindingKind(row.kind)] if row.kind in known else row.kind
            sum_ = ""
            if row.amount_minor is not None and row.currency:
                sum_ = f" ({money(row.amount_minor, row.currency)})"
            text = f"{row.subject}: {words}{sum_} Finding {row.state}."
            yield Entry(row.found_at, "finding", text)

    def _attempts(self) -> Iterator[Entry]:
        rows = sorted(self._rows)
        parameters = {"tables": [t for t, _ in rows], "rows": [id_ for _, id_ in rows]}
        for row in self._find(sql.ATTEMPTS, **parameters):
            text = (
                f"attempt {row.number} at {row.work_table} {row.row_id} failed:"
                f" {row.error_class}: {row.error}"
            )
            link = task_link(self._config, row.task_id) if row.task_id else None
            inbox = row.row_id if row.work_table == INBOX.name else None
            yield Entry(row.failed_at, "attempt", text, inbox=inbox, task_link=link)

    def _letters(self) -> Iterator[Entry]:
        subjects = [f"{table}:{id_}" for table, id_ in sorted(self._rows)]
        for row in self._find(sql.LETTERS, subjects=subjects):
            text = (
                f"dead letter {row.id} about {row.work_table} {row.row_id}:"
                f" {row.error_class}: {row.error}"
            )
            inbox = row.row_id if row.work_table == INBOX.name else None
            link = task_link(self._config, row.task_id) if row.task_id else None
            yield Entry(row.created_at, "dead_letter", text, inbox, row.id, None, link)
            if row.closed_at:
                text = f"dead letter {row.id} was {row.state}"
                yield Entry(row.closed_at, "dead_letter", text, inbox, row.id)
