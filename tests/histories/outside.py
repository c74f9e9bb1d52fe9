"""What learners and the course platform were told: no backup takes that back."""

from collections import Counter
from dataclasses import dataclass, field
from email import message_from_bytes
from typing import Any
from unittest.mock import patch

from sqlalchemy import Engine, text

from models.outgoing import NotificationState
from tasks import send
from tests.factories import make_due, rows
from worker.channels.letter import Letter
from worker.drain import Job, drain_each
from worker.lifecycle import Ending
from worker.settings import settings
from worker.work_tables import NOTIFICATIONS, Claimant

_WHOM = """
SELECT coalesce((SELECT min(value) FROM learner_identities i
                 WHERE i.learner_id = l.id AND i.kind = 'user'), l.email), e.course_key
FROM notifications n
JOIN learners l ON l.id = n.learner_id
JOIN enrollments e ON e.id = n.enrollment_id
WHERE n.message_id = ANY(:mails)
"""
_TELL = text("""
UPDATE platform_deliveries d SET state = 'sent', finished_at = now(),
  delivered_version = d.version, delivered_at = now()
FROM enrollments e JOIN learners l ON l.id = e.learner_id
WHERE d.enrollment_id = e.id AND d.state = 'pending'
RETURNING l.ref, e.course_key
""")
_ACCESS = "SELECT learner_ref, course_key, version, has_access FROM course_access"
Place = tuple[str, str]


@dataclass
class Outside:
    """Mailboxes, and a course platform that ignores versions that it has passed."""

    engine: Engine
    mails: Counter[Place] = field(default_factory=Counter)
    known: dict[Place, tuple[int, bool]] = field(default_factory=dict)

    def hear(self) -> None:
        """Take what is there to be sent."""
        self._take_mails()
        with self.engine.begin() as connection:
            told = {(ref, course) for ref, course in connection.execute(_TELL)}
        for place, now in self._access().items():
            if place in told and now[0] > self.known.get(place, (0, False))[0]:
                self.known[place] = now

    def read_view(self) -> None:
        """The platform reads everything once, as it is to do after a restore."""
        self.known = self._access()

    def mailed_twice(self) -> list[Place]:
        """Return who was welcomed twice, and to which course."""
        return [place for place, count in self.mails.items() if count > 1]

    def differs(self) -> dict[Place, Any]:
        """Return where the platform gives other access than we say."""
        access = self._access()
        return {
            place: (self.known.get(place), access.get(place))
            for place in self.known.keys() | access.keys()
            if self._has(self.known, place) != self._has(access, place)
        }

    def _take_mails(self) -> None:
        taken: list[str] = []

        def deliver(letter: Letter, _route: Any, _deadline: Any, begin: Any) -> Ending:
            begin()
            taken.append(str(message_from_bytes(letter.content)["Message-ID"]))
            return Ending(NotificationState.SENT)

        make_due(self.engine, NOTIFICATIONS)
        job = Job(self.engine, NOTIFICATIONS, Claimant("test", "here"), settings())
        with patch.object(send, "deliver", deliver):
            drain_each(job, send.Post(settings()))
        self.mails.update(Counter(rows(self.engine, _WHOM, mails=taken)))

    @staticmethod
    def _has(access: dict[Place, tuple[int, bool]], place: Place) -> bool:
        return access.get(place, (0, False))[1]

    def _access(self) -> dict[Place, tuple[int, bool]]:
        return {
            (ref, course): (version, has)
            for ref, course, version, has in rows(self.engine, _ACCESS)
        }
