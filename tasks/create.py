"""``checkouts.create``: opens a checkout for a shop that calls it by name.

Changes ``checkouts``; the shop reads the address in ``opened_checkouts``.
Running it twice is harmless: a reference has one checkout. Sends nothing on: what is
not open yet is taken up by ``checkouts.recover``. What is refused stands in the row, a
sentence each for developer and buyer. Fails for good where there is no such row: on
arguments that are none, and on a reference that is of another order or too old. Until
there is a row the message is all there is: a run that could not write it leaves that to
``worker.checkouts.noting``.
"""

from collections.abc import Mapping, Sequence

from worker import database
from worker.app import app
from worker.base_task import this_task
from worker.checkouts.create import create as create_checkout
from worker.checkouts.wish import CheckoutRefusedError, CheckoutWaitsError, wish_of
from worker.settings import settings


@app.task(name="checkouts.create")
def create(  # noqa: PLR0913 (what a shop knows; another name is a dead letter)
    prices: Sequence[str] | Mapping[str, int],
    learner_ref: str | int,
    reference: str | int,
    *,
    email: str | None = None,
    return_url: str | None = None,
    discount_code: str | None = None,
) -> str:
    """Open a checkout."""
    rest = {"email": email, "return_url": return_url, "discount_code": discount_code}
    wish = wish_of(prices, learner_ref, reference, **rest)
    engine, who = database.engine(), this_task().claimant()
    try:
        opened = create_checkout(engine, settings(), wish, patience=0, who=who)
    except CheckoutRefusedError:
        return "refused: the reason is in opened_checkouts"
    except CheckoutWaitsError:
        return "not open yet: checkouts.recover goes on with it"
    return f"{opened.transaction_id} opened"
