"""Stories of those who buy once and for all, and of what became of the money.

Told as in ``subscribers.py``; what each comes to stands at the end.
"""

from worker.demo.cast import Buyer
from worker.demo.goods import BASICS, BUNDLE, EXAM, WORKSHOP
from worker.demo.subscribers import Story

#: Where nobody pays a tax: what BASICS costs there, in cents.
FREE_PORT, BASICS_MINOR = {"country": "CH"}, 4_900
#: How long after the beginning of the demo a dated access is to end, in days: while
#: everything runs.
SOON = 18 / 86_400


def wants_it_back(buyer: Buyer) -> Story:
    """Get all of it refunded."""
    yield 60
    buyer.buy(BASICS)
    yield 55
    buyer.refund()


def wants_half_of_it_back(buyer: Buyer) -> Story:
    """Get one of two courses refunded."""
    yield 60
    buyer.buy(BASICS, WORKSHOP)
    yield 50
    buyer.refund({"price_id": WORKSHOP})


def gets_a_part_back(buyer: Buyer) -> Story:
    """Get some money refunded, and keep the course."""
    yield 60
    buyer.buy(BASICS, **FREE_PORT)
    yield 50
    buyer.refund({"price_id": BASICS, "amount": 2_000})


def gets_it_back_bit_by_bit(buyer: Buyer) -> Story:
    """Get all of it refunded, in two parts."""
    yield 60
    buyer.buy(BASICS, **FREE_PORT)
    yield 50
    buyer.refund({"price_id": BASICS, "amount": 2_000})
    yield 40
    buyer.refund({"price_id": BASICS, "amount": BASICS_MINOR - 2_000})


def is_refused(buyer: Buyer) -> Story:
    """Ask for a refund that is rejected."""
    yield 60
    buyer.buy(BASICS)
    yield 50
    buyer.refund(outcome="rejected")


def waits_for_the_refund(buyer: Buyer) -> Story:
    """Ask for a refund that nobody has decided yet."""
    yield 60
    buyer.buy(BASICS)
    yield 1
    buyer.refund(outcome="pending_approval")


def waited_for_the_refund(buyer: Buyer) -> Story:
    """Ask for a refund that is approved some minutes later."""
    yield 60
    buyer.buy(BASICS)
    yield 50
    buyer.refund(outcome="later")


def disputes(buyer: Buyer) -> Story:
    """Take the money back through the bank."""
    yield 45
    buyer.buy(BASICS)
    yield 20
    buyer.dispute()


def loses(buyer: Buyer) -> Story:
    """Take the money back through the bank, and lose it again."""
    yield 45
    buyer.buy(BASICS)
    yield 20
    adjustment = buyer.dispute()
    yield 2
    buyer.shop.reverse(adjustment)


def threatens(buyer: Buyer) -> Story:
    """Have the bank announce a dispute."""
    yield 45
    buyer.buy(BASICS)
    yield 20
    buyer.dispute(warning=True)


def calms_down(buyer: Buyer) -> Story:
    """Have the bank announce a dispute, and take that back."""
    yield 45
    buyer.buy(BASICS)
    yield 20
    adjustment = buyer.dispute(warning=True)
    yield 10
    buyer.shop.reverse(adjustment)


def takes_both(buyer: Buyer) -> Story:
    """Dispute what is refunded meanwhile: losing the dispute gives nothing back."""
    yield 45
    buyer.buy(BASICS)
    yield 20
    adjustment = buyer.dispute()
    yield 15
    buyer.refund()
    yield 10
    buyer.shop.reverse(adjustment)


def pays_no_cent(buyer: Buyer) -> Story:
    """Have all of it discounted."""
    yield 45
    discount = buyer.shop.post("discount", {"amount": "100"})["discount_id"]
    buyer.buy(BASICS, discount=discount)


def buys_three(buyer: Buyer) -> Story:
    """Pay for two whom nobody knows."""
    yield 45
    buyer.buy({"price_id": BASICS, "quantity": 3})


def brings_two(buyer: Buyer) -> Story:
    """Have three seats at the workshop."""
    yield 45
    buyer.buy({"price_id": WORKSHOP, "quantity": 3})


def takes_all(buyer: Buyer) -> Story:
    """Buy the bundle."""
    yield 45
    buyer.buy(BUNDLE)


def takes_it_twice(buyer: Buyer) -> Story:
    """Have the same twice in one cart, and get one of them refunded."""
    yield 45
    buyer.buy(BASICS, BASICS)
    yield 31
    buyer.refund({"price_id": BASICS})


def forgot_to_have_it(buyer: Buyer) -> Story:
    """Buy again what is there for good."""
    yield 45
    buyer.buy(BASICS)
    yield 20
    buyer.buy(BASICS)


def has_had_it(buyer: Buyer) -> Story:
    """Buy for 30 days that are over."""
    yield 60
    buyer.buy(EXAM)


def still_has_it(buyer: Buyer) -> Story:
    """Buy for 30 days, and again before they are over."""
    yield 40
    buyer.buy(EXAM)
    yield 12
    buyer.buy(EXAM)


def is_about_to_lose_it(buyer: Buyer) -> Story:
    """Buy for 30 days that end in a moment."""
    yield 30 - SOON
    buyer.buy(EXAM)


def leaves_the_bill(buyer: Buyer) -> Story:
    """Be sent an invoice, and pay nothing."""
    yield 40
    buyer.buy(BASICS, mode="manual", terms_days=14)


def walks_away(buyer: Buyer) -> Story:
    """Be declined, and give up."""
    yield 40
    buyer.buy(BASICS, until="payment_failed")


def marries(buyer: Buyer) -> Story:
    """Have another name, of which no delivery tells."""
    yield 45
    customer = buyer.buy(BASICS, name="Ada Byron")["customer_id"]
    yield 20
    buyer.shop.change(f"/customers/{customer}", name="Ada King")


#: By story what its buyer has of each course today: none where nothing was given.
STORIES = {
    wants_it_back: {"python-basics": "ended"},
    wants_half_of_it_back: {"python-basics": "active", "live-workshop": "ended"},
    gets_a_part_back: {"python-basics": "active"},
    gets_it_back_bit_by_bit: {"python-basics": "ended"},
    is_refused: {"python-basics": "active"},
    waits_for_the_refund: {"python-basics": "active"},
    waited_for_the_refund: {"python-basics": "ended"},
    disputes: {"python-basics": "suspended"},
    loses: {"python-basics": "active"},
    threatens: {"python-basics": "suspended"},
    calms_down: {"python-basics": "active"},
    takes_both: {"python-basics": "ended"},
    pays_no_cent: {"python-basics": "active"},
    buys_three: {"python-basics": "active"},
    brings_two: {"live-workshop": "active"},
    takes_all: {
        "python-basics": "active",
        "sql-in-depth": "active",
        "course-workbook": "active",
    },
    takes_it_twice: {"python-basics": "active"},
    forgot_to_have_it: {"python-basics": "active"},
    has_had_it: {"exam-training": "ended"},
    still_has_it: {"exam-training": "active"},
    is_about_to_lose_it: {"exam-training": "active"},
    marries: {"python-basics": "active"},
    leaves_the_bill: {},
    walks_away: {},
}
