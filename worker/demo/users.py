"""Stories of those who buy as guests, or as users of the shop, or as both.

Told as in ``subscribers.py``.
"""

from worker.demo.cast import FORGED_SECRET, Buyer
from worker.demo.goods import BASICS, SQL, WORKSHOP
from worker.demo.subscribers import Story


def comes_back_as_a_user(buyer: Buyer) -> Story:
    """Buy as a guest, then with the shop's account: it is one person."""
    yield 45
    buyer.buy(BASICS)
    buyer.subscribe()
    yield 20
    buyer.buy(SQL, **buyer.cast.claim("user-back"))


def comes_back_as_a_guest(buyer: Buyer) -> Story:
    """Buy with the shop's account, then as a guest."""
    yield 45
    buyer.buy(SQL, **buyer.cast.claim("user-guest"))
    yield 20
    buyer.buy(BASICS)


def has_two_addresses(buyer: Buyer) -> Story:
    """Buy with one account and two addresses."""
    yield 45
    buyer.buy(SQL, **buyer.cast.claim("user-moved"))
    yield 20
    other = Buyer(buyer.cast, f"new-{buyer.email}")
    other.buy(BASICS, **buyer.cast.claim("user-moved"))


def shares_an_address(buyer: Buyer) -> Story:
    """Be two users at one address: what came without an account is neither's."""
    yield 45
    buyer.buy(SQL, **buyer.cast.claim("user-one"))
    yield 31
    buyer.buy(WORKSHOP, **buyer.cast.claim("user-two"))
    yield 20
    buyer.buy(BASICS)


def claims_to_be_another(buyer: Buyer) -> Story:
    """Buy under a user id that the shop has not signed."""
    yield 20
    buyer.buy(BASICS, **buyer.cast.claim("user-one", FORGED_SECRET))


#: By story who has which course today; the buyer is called by the address.
STORIES = {
    comes_back_as_a_user: {
        "user-back": {"python-basics", "sql-in-depth", "study-club"}
    },
    comes_back_as_a_guest: {"user-guest": {"python-basics", "sql-in-depth"}},
    has_two_addresses: {"user-moved": {"python-basics", "sql-in-depth"}},
    shares_an_address: {
        "user-one": {"sql-in-depth"},
        "user-two": {"live-workshop"},
        "shares-an-address@example.com": {"python-basics"},
    },
    claims_to_be_another: {"claims-to-be-another@example.com": {"python-basics"}},
}
