"""``notifications.send``: sends what is due, each notification at most once.

Changes notifications: those of its claims, and when others of a channel that is out are
due. Adds suppressions, for addresses that are refused for good, and spends from the budget
of a provider that knows what a message needs. Running it twice is harmless: a row is
claimed while it waits, and from the moment its message may be out it waits again only
where the far side has said that it did not take it. Sends nothing on. Fails for good where
the far side refuses the message or the address is none.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from datetime import timedelta
from typing import Self

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from models.notices import ChannelName
from models.outgoing import NotificationState
from worker import crumbs
from worker.app import app
from worker.base_task import this_task
from worker.channels.contract import Channel, Message
from worker.channels.deadline import Deadline
from worker.channels.errors import AddressRefusedError, UnreachableError
from worker.channels.registry import CHANNELS
from worker.channels.resting import FIRST_REST, WHY, put_off, rest_of
from worker.errors import PermanentError, TransientError
from worker.lifecycle import Ending, Lease
from worker.notices.ahead import Turns
from worker.notices.links import Links
from worker.notices.reading import Notice
from worker.notices.sending import Sending
from worker.notices.suppressing import suppress
from worker.notices.templates import render
from worker.settings import Settings, settings
from worker.work_tables import NOTIFICATIONS

log = structlog.get_logger()

TOO_SLOW = "the message before took all its time"


@app.task(name="notifications.send")
def send(_ids: Sequence[int], _schema_version: int) -> str:
    """Send the messages that are due."""
    with Post(settings()) as post:
        return this_task().drain_each(NOTIFICATIONS, post)


class Post:
    """Sends one row after the other, during one run of the task."""

    def __init__(self, config: Settings) -> None:
        """Send by these settings; nothing is opened yet."""
        self._config = config
        self._opened = ExitStack()
        self._turns = Turns(config)
        self._links = self._opened.enter_context(Links(config))
        self._channels: dict[ChannelName, Channel] = {}
        #: Why a channel could not be talked to, once that was so in this run. The
        #: others go on.
        self._unreachable: dict[ChannelName, UnreachableError] = {}
        #: Channels of which it is known whether they rest.
        self._known: set[ChannelName] = set()

    def __enter__(self) -> Self:
        """Use it for one run."""
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up."""
        self._opened.close()

    def __call__(self, engine: Engine, lease: Lease, row_id: int) -> Ending:
        """Send one message."""
        deadline = Deadline.of_one_row(self._config)
        # Kept over the dialogue, with no transaction open.
        with engine.connect() as connection:
            notice = self._turns.read(connection, lease, row_id)
            if isinstance(notice, Ending):
                return notice
            crumbs.leave("mail", [row_id], events=[notice.cause])
            self._check_way(connection, notice.channel)
            message = self._message(engine, notice)
            lease_for = timedelta(seconds=self._config.lease_seconds)
            row = Sending(connection, lease, row_id, message.message_id, lease_for)
            try:
                ending = self._deliver(message, notice.channel, deadline, row)
            except AddressRefusedError as error:
                with connection.begin():
                    place = (notice.channel, notice.recipient.address)
                    suppress(connection, *place, str(error), row_id)
                self._turns.forget()
                raise
            row.finish(ending)
        log.info("message_ended", notification=row_id, state=ending.state)
        return ending

    def _check_way(self, connection: Connection, name: ChannelName) -> None:
        """Raise what keeps a channel from being used in this run."""
        if name not in self._known:
            self._known.add(name)
            with connection.begin():
                rest = rest_of(connection, name)
            if rest:
                self._give_up(connection, name, UnreachableError(WHY, rest))
        if error := self._unreachable.get(name):
            raise error.with_traceback(None)

    def _message(self, engine: Engine, notice: Notice) -> Message:
        links = self._links.fetch(engine, notice)
        facts = {**notice.facts, **links}
        words = render(
            notice.kind,
            facts,
            notice.recipient.locale,
            self._config.templates_folder,
        )
        return Message(
            notice.kind,
            notice.key,
            notice.message_id,
            notice.recipient,
            words,
            facts,
        )

    def _deliver(
        self, message: Message, name: ChannelName, deadline: Deadline, row: Sending
    ) -> Ending:
        try:
            ending = self._channel(name).deliver(message, deadline, row.begin)
        except (TransientError, PermanentError, DBAPIError) as error:
            row.take_back()
            if isinstance(error, UnreachableError):
                self._give_up(row.connection, name, error)
            elif deadline.is_over:
                # The next one would wait as long, with those of other channels behind.
                self._give_up(row.connection, name, UnreachableError(TOO_SLOW))
            raise
        if ending.state == NotificationState.DOUBTFUL:
            # Who does not answer would leave the next ones in doubt, too.
            self._give_up(row.connection, name, UnreachableError(WHY, FIRST_REST))
        return ending

    def _give_up(
        self, connection: Connection, name: ChannelName, error: UnreachableError
    ) -> None:
        """Use a channel no more in this run; what waits for it lets others pass."""
        self._unreachable[name] = error
        with connection.begin():
            put_off(connection, name, error.wait_at_least)

    def _channel(self, name: ChannelName) -> Channel:
        if name not in self._channels:
            channel = CHANNELS[name](self._config)
            self._channels[name] = self._opened.enter_context(channel)
        return self._channels[name]
