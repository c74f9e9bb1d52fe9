"""A week in which no delivery arrives, and a mistake that goes on for longer.

Paddle gives up on what it made in that week: nothing is tried again. And somebody took
a type out of the destination's list, so that of it there are no deliveries at all, to
this day. Told as a story beside those of the buyers.
"""

from collections.abc import Mapping

from worker.demo.subscribers import Story
from worker.local_shop import Client

#: Days before today. Renewals, purchases, disputes and a refund fall in between, and
#: changes of plan.
BEGINS, ENDS = 21, 14
#: What nobody is told of from then on.
UNSUBSCRIBED = "customer.updated"


def deliveries_stop(shop: Client, plan: Mapping[str, float]) -> Story:
    """Lose all deliveries of a week, then go on with the faults of the plan."""
    yield BEGINS
    _unsubscribe(shop)
    shop.plan(lost=1)
    yield ENDS
    shop.plan(**plan)


def _unsubscribe(shop: Client) -> None:
    (setting,) = shop.listed("/notification-settings")
    names = [one["name"] for one in setting["subscribed_events"]]
    names.remove(UNSUBSCRIBED)
    shop.change(f"/notification-settings/{setting['id']}", subscribed_events=names)
