"""``create_checkout``: what a shop written in Python calls where it runs beside us."""

from datetime import timedelta

from sqlalchemy.exc import SQLAlchemyError

from worker import database
from worker.checkouts.create import create
from worker.checkouts.wish import CheckoutWaitsError, Prices, wish_of
from worker.providers.checkouts import Buyer, Opened
from worker.settings import settings

_AWAY = (
    "Paddlewheel's database does not answer, so it is not known whether this checkout is"
    " open: ask again under the same reference."
)
_SOON = timedelta(seconds=5)


def create_checkout(  # noqa: PLR0913 (the five that a shop knows, and a code)
    prices: Prices,
    learner_ref: str | int,
    email: str | None,
    return_url: str | None,
    reference: str | int,
    *,
    discount_code: str | None = None,
) -> Opened:
    """Open a checkout and return its address.

    Args:
        prices: Ids of prices, or ids with their quantities; twice the same id is two.
        learner_ref: Your user id of who buys; it is signed into the transaction.
        email: Of the buyer, who is found by it or made; None: it is asked for there.
        return_url: Your page that opens the checkout, on an approved domain; None: the
            account's default payment link.
        reference: Your own name of this checkout; the same again returns the same one.
        discount_code: As a buyer types it.

    Raises:
        CheckoutError: It cannot be opened; ``buyer`` is what the buyer is told.
        CheckoutWaitsError: Not yet, or not until a setting or the database is there: ask
            again under the same reference.
    """
    rest = {"email": email, "return_url": return_url, "discount_code": discount_code}
    wish = wish_of(prices, learner_ref, reference, **rest)
    try:
        return create(database.engine(), settings(), wish)
    except SQLAlchemyError as error:
        if not database.is_machinery(error):
            raise
        raise CheckoutWaitsError(_AWAY, Buyer.SOON, _SOON) from error
