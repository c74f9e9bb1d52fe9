"""Lets time pass: what falls due is done in its order, each at its own instant.

The clock may be moved forward, never back: Paddle's timestamps only grow. Only before
anything has happened it may be set back, so that a shop with a past can be played.
"""

import asyncio
from datetime import datetime

import structlog

from local_paddle.agenda import Agenda, Deed
from local_paddle.clock import instant_of, rfc3339
from local_paddle.collecting import Collecting
from local_paddle.feed import Feed
from local_paddle.lifecycle import Lifecycle
from local_paddle.period import duration_of, later
from local_paddle.refund import Refunds
from local_paddle.renewal import Renewals
from local_paddle.store import Entity

#: Made when the server first starts, and as old as the shop.
OPENED_WITH = ("product", "price")
#: Name under which the server remembers how far its time is ahead, in seconds.
AHEAD_FACT = "ahead_seconds"
PAUSE_SECONDS = 0.5

log = structlog.get_logger()


class Timeline:
    """Moves the clock and does what is due on the way."""

    def __init__(
        self,
        feed: Feed,
        agenda: Agenda,
        renewals: Renewals,
        lifecycle: Lifecycle,
        refunds: Refunds,
    ) -> None:
        """Go on from where the store stands."""
        self._feed = feed
        self._agenda = agenda
        self._collecting = Collecting(feed, agenda)
        self._lifecycle = lifecycle
        self._deeds = {
            Deed.DECIDE: refunds.approve,
            Deed.CHANGE: lifecycle.take_effect,
            Deed.COLLECT: self._collect,
            Deed.OVERDUE: self._collecting.overdue,
            Deed.RENEW: renewals.renew,
        }

    def begin(self, given: Entity) -> Entity:
        """Let the shop open ``at`` an instant, which may be long past.

        Raises:
            ValueError: It has told of something: from then on time only goes on.

        """
        store, clock = self._feed.store, self._feed.clock
        if store.value("SELECT count(*) FROM events"):
            message = "the shop has opened: from now on time only goes on (advance)"
            raise ValueError(message)
        clock.move_to(instant_of(given["at"]))
        now = rfc3339(clock.now())
        with store.transaction():
            store.remember(AHEAD_FACT, clock.ahead.total_seconds())
            for kind in OPENED_WITH:
                for entity in store.all(kind):
                    store.put(kind, {**entity, "created_at": now, "updated_at": now})
        return {"now": now}

    def advance(self, given: Entity) -> Entity:
        """Move ``to`` an instant or ``by`` a duration; tell what was done.

        Raises:
            ValueError: Neither or both are given, or the instant has passed.

        """
        if len(given.keys() & {"to", "by"}) != 1:
            message = 'name "to" (an instant) or "by" (such as "14 day")'
            raise ValueError(message)
        clock = self._feed.clock
        now = clock.now()
        by = duration_of(given.get("by"))
        target = later(now, by) if by else instant_of(given["to"])
        if target < now:
            message = f"it is {rfc3339(now)}: time does not go back"
            raise ValueError(message)
        # Moved and remembered first: whoever is killed on the way goes on from there.
        clock.move_to(target)
        self._feed.store.remember(AHEAD_FACT, clock.ahead.total_seconds())
        done = self.catch_up(target)
        return {"now": rfc3339(clock.now()), "done": done}

    def catch_up(self, until: datetime) -> list[Entity]:
        """Do all that is due until an instant, oldest first."""
        done = []
        while (entry := self._agenda.next()) and entry.at <= until:
            # Done late, but at its instant: as if nobody had slept.
            store = self._feed.store
            with self._feed.clock.held_at(entry.at), store.transaction():
                self._agenda.drop(entry.entity_id, entry.deed)
                self._deeds[entry.deed](entry.entity_id)
            at = rfc3339(entry.at)
            done.append({"deed": entry.deed, "entity_id": entry.entity_id, "at": at})
        return done

    async def run(self) -> None:
        """Do what falls due as time passes by itself, until cancelled."""
        while True:
            try:
                self.catch_up(self._feed.clock.now())
            except Exception as error:
                log.exception("deed_broke", exc_info=error)
            await asyncio.sleep(PAUSE_SECONDS)

    def _collect(self, transaction_id: str) -> None:
        status = self._collecting.try_again(transaction_id)
        if status:
            self._lifecycle.give_up(transaction_id, status)
