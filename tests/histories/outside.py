"""What learners and the course platform were told: no backup takes that back."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, ClassVar, Self
from unittest.mock import patch

from sqlalchemy import Engine, text

from models.access import AccessState
from models.notices import ChannelName, NoticeKind
from models.outgoing import NotificationState
from tasks.send import Post
from tests.factories import make_due, rows
from worker.channels.contract import Message
from worker.channels.deadline import Deadline
from worker.channels.registry import CHANNELS
from worker.drain import Job, drain_each
from worker.lifecycle import Ending
from worker.notices.access_changes import KIND_OF
from worker.settings import settings
from worker.work_tables import NOTIFICATIONS, Claimant

_WHOM = """
SELECT coalesce((SELECT min(value) FROM learner_identities i
                 WHERE i.learner_id = l.id AND i.kind = 'user'), l.email), e.course_key
FROM notifications n
JOIN learners l ON l.id = n.learner_id
JOIN enrollments e ON e.id = n.enrollment_id
WHERE n.message_id = :mail
"""
_WAITING = "SELECT key FROM notifications WHERE state = 'pending'"
#: What a message says of access: that it is there, rests or is over.
_SAYS = {NoticeKind.WELCOME: AccessState.ACTIVE} | {
    kind: state for state, kind in KIND_OF.items()
}
_TELL = text("""
UPDATE platform_deliveries d SET state = 'sent', finished_at = now(),
  delivered_version = d.version, delivered_at = now()
FROM enrollments e JOIN learners l ON l.id = e.learner_id
WHERE d.enrollment_id = e.id AND d.state = 'pending'
RETURNING l.ref, e.course_key
""")
_ACCESS = "SELECT learner_ref, course_key, version, has_access FROM course_access"
Place = tuple[str, str]


class Postman:
    """A mail server that takes everything, and keeps what it took."""

    takes_key: ClassVar[bool] = False

    def __init__(self) -> None:
        self.taken: list[Message] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def deliver(
        self, message: Message, deadline: Deadline, begin: Callable[[], None]
    ) -> Ending:
        begin()
        self.taken.append(message)
        return Ending(NotificationState.SENT)


@dataclass
class Outside:
    """Mailboxes, and a course platform that ignores versions that it has passed."""

    engine: Engine
    #: What each was mailed about each course, in this order.
    mails: dict[Place, list[Message]] = field(default_factory=dict)
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

    def forget_what_waits(self) -> None:
        """Expect again what was waiting in a backup, as the documentation has it."""
        waiting = {key for (key,) in rows(self.engine, _WAITING)}
        for place, told in self.mails.items():
            self.mails[place] = [one for one in told if one.key not in waiting]

    def mailed_twice(self) -> dict[Place, list[NoticeKind]]:
        """Return who was told the same twice, with all that each was told."""
        told = {place: [one.kind for one in self.mails[place]] for place in self.mails}
        return {place: kinds for place, kinds in told.items() if _says_it_twice(kinds)}

    def differs(self) -> dict[Place, Any]:
        """Return where the platform gives other access than we say."""
        access = self._access()
        return {
            place: (self.known.get(place), access.get(place))
            for place in self.known.keys() | access.keys()
            if self._has(self.known, place) != self._has(access, place)
        }

    def _take_mails(self) -> None:
        make_due(self.engine, NOTIFICATIONS)
        job = Job(self.engine, NOTIFICATIONS, Claimant("test", "here"), settings())
        postman = Postman()
        with (
            patch.dict(CHANNELS, {ChannelName.MAIL: lambda _: postman}),
            Post(settings()) as post,
        ):
            drain_each(job, post)
        for message in postman.taken:
            self._keep(message)

    def _keep(self, message: Message) -> None:
        if message.kind in _SAYS:
            [place] = rows(self.engine, _WHOM, mail=message.message_id)
            self.mails.setdefault(place, []).append(message)

    @staticmethod
    def _has(access: dict[Place, tuple[int, bool]], place: Place) -> bool:
        return access.get(place, (0, False))[1]

    def _access(self) -> dict[Place, tuple[int, bool]]:
        return {
            (ref, course): (version, has)
            for ref, course, version, has in rows(self.engine, _ACCESS)
        }


def _says_it_twice(told: list[NoticeKind]) -> bool:
    """Tell whether a welcome comes again, or what was the last thing to be told."""
    is_again = NoticeKind.WELCOME in told[1:]
    return is_again or any(_SAYS[one] == _SAYS[later] for one, later in pairwise(told))
