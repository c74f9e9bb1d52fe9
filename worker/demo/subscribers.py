"""Stories of subscribers. Each goes on where it says how many days before today it is.

The name of a story is its buyer's; periods have 30 days, so what begins 75 days ago is
renewed 45 and 15 days ago. What each comes to stands at the end, and is tested.
"""

from collections.abc import Iterator

from worker.demo.cast import Buyer
from worker.demo.goods import BASICS, CLUB, CLUB_TRIED_FIRST, MENTOR

#: Days before today on which a story goes on.
Story = Iterator[float]
#: More payments than are ever tried.
ALL = 99


def renews(buyer: Buyer) -> Story:
    """Pay, and pay again."""
    yield 75
    buyer.subscribe()


def tried_it_first(buyer: Buyer) -> Story:
    """Try it for two weeks, then pay."""
    yield 70
    buyer.subscribe(CLUB_TRIED_FIRST, trial="14 day")


def is_still_trying(buyer: Buyer) -> Story:
    """Be in the midst of the trial."""
    yield 6
    buyer.subscribe(CLUB_TRIED_FIRST, trial="14 day")


def recovers(buyer: Buyer) -> Story:
    """Be short of money for a day."""
    yield 75
    buyer.subscribe()
    buyer.stop_paying(1)


def never_pays_again(buyer: Buyer) -> Story:
    """Be dunned for 30 days, then canceled."""
    yield 75
    buyer.subscribe()
    buyer.stop_paying(ALL)


def is_in_grace(buyer: Buyer) -> Story:
    """Owe the renewal of three days ago."""
    yield 33
    buyer.subscribe()
    buyer.stop_paying(ALL)


def is_out_of_grace(buyer: Buyer) -> Story:
    """Owe the renewal of ten days ago, while payments are still tried."""
    yield 40
    buyer.subscribe()
    buyer.stop_paying(ALL)


def pauses(buyer: Buyer) -> Story:
    """Pause when the period is over."""
    yield 75
    buyer.subscribe()
    yield 20
    buyer.ask("pause")


def pauses_and_resumes(buyer: Buyer) -> Story:
    """Pause at once, and come back."""
    yield 75
    buyer.subscribe()
    yield 50
    buyer.ask("pause", now=True)
    yield 40
    buyer.ask("resume")


def cancels_at_once(buyer: Buyer) -> Story:
    """Cancel in the midst of a period."""
    yield 75
    buyer.subscribe()
    yield 31
    buyer.ask("cancel", now=True)


def has_canceled(buyer: Buyer) -> Story:
    """Cancel when the period is over, and it is."""
    yield 75
    buyer.subscribe()
    yield 20
    buyer.ask("cancel")


def will_cancel(buyer: Buyer) -> Story:
    """Cancel when the period is over, and it is not yet."""
    yield 75
    buyer.subscribe()
    yield 5
    buyer.ask("cancel")


def thinks_better_of_it(buyer: Buyer) -> Story:
    """Cancel when the period is over, and take it back."""
    yield 75
    buyer.subscribe()
    yield 20
    buyer.ask("cancel")
    yield 18
    buyer.ask("unschedule")


def moves_up(buyer: Buyer) -> Story:
    """Take the mentor as well, and pay for the rest of the period."""
    yield 75
    buyer.subscribe()
    yield 20
    buyer.ask("change-plan", price=MENTOR, cycle="30 day")


def moves_down(buyer: Buyer) -> Story:
    """Give the mentor up; the rest of the period is a credit."""
    yield 75
    buyer.subscribe(MENTOR)
    yield 20
    buyer.ask("change-plan", price=CLUB, cycle="30 day")


def buys_beside(buyer: Buyer) -> Story:
    """Have a course charged to the subscription."""
    yield 75
    buyer.subscribe()
    yield 31
    buyer.ask("charge", price=BASICS)


def leaves_the_invoice(buyer: Buyer) -> Story:
    """Owe the first invoice."""
    yield 20
    buyer.subscribe(mode="manual")


def pays_the_invoice(buyer: Buyer) -> Story:
    """Pay the first invoice later."""
    yield 20
    receipt = buyer.subscribe(mode="manual")
    yield 12
    buyer.shop.pay(receipt["transaction_id"])


def pays_nothing(buyer: Buyer) -> Story:
    """Have all of it discounted, at each renewal."""
    yield 75
    off = {"amount": "100", "recur": True}
    discount = buyer.shop.post("discount", off)["discount_id"]
    buyer.subscribe(discount=discount)


def disputes_a_period(buyer: Buyer) -> Story:
    """Take the money of a period back through the bank."""
    yield 50
    buyer.subscribe()
    yield 10
    buyer.dispute()


def loses_the_dispute(buyer: Buyer) -> Story:
    """Take the money back, and lose it again."""
    yield 50
    buyer.subscribe()
    yield 31
    adjustment = buyer.dispute()
    yield 4
    buyer.shop.reverse(adjustment)


def has_the_period_refunded(buyer: Buyer) -> Story:
    """Get back what the current period cost."""
    yield 12
    buyer.subscribe()
    yield 3
    buyer.refund()


#: By story what its buyer has of the club today.
STORIES = {
    renews: "active",
    tried_it_first: "active",
    is_still_trying: "active",
    recovers: "active",
    never_pays_again: "ended",
    is_in_grace: "active",
    is_out_of_grace: "suspended",
    pauses: "suspended",
    pauses_and_resumes: "active",
    cancels_at_once: "ended",
    has_canceled: "ended",
    will_cancel: "active",
    thinks_better_of_it: "active",
    moves_up: "active",
    moves_down: "active",
    buys_beside: "active",
    leaves_the_invoice: "ended",
    pays_the_invoice: "active",
    pays_nothing: "active",
    disputes_a_period: "suspended",
    loses_the_dispute: "active",
    has_the_period_refunded: "suspended",
}
