"""Everything that sells, bills and gives back, put together on one feed."""

from local_paddle.agenda import Agenda
from local_paddle.checkout import Checkout
from local_paddle.collecting import Collecting
from local_paddle.feed import Feed
from local_paddle.lifecycle import Lifecycle
from local_paddle.plan_change import PlanChanges
from local_paddle.refund import Refunds
from local_paddle.renewal import Renewals
from local_paddle.timeline import Timeline


class Shop:
    """One shop; its parts share the store and the agenda in it."""

    def __init__(self, feed: Feed) -> None:
        """Go on from where the feed's store stands."""
        self.feed = feed
        self.store = feed.store
        self.agenda = Agenda(feed.store)
        self.collecting = Collecting(feed, self.agenda)
        self.checkout = Checkout(feed)
        self.refunds = Refunds(feed)
        self.renewals = Renewals(feed, self.agenda, self.collecting)
        self.lifecycle = Lifecycle(feed, self.agenda, self.renewals)
        self.plans = PlanChanges(feed, self.agenda, self.renewals, self.lifecycle)
        self.timeline = Timeline(
            feed, self.agenda, self.renewals, self.lifecycle, self.refunds
        )
