"""Purchases whose buyers nobody told of, and asking for them."""

from sqlalchemy import Engine, text

from tasks.fetch import Fetcher
from tasks.record import record
from tests.factories import add_events, make_due
from tests.purchases import Body, published, renamed, transaction
from worker.drain import Job, drain_each
from worker.settings import settings
from worker.work_tables import CUSTOMER_FETCHES, Claimant


def bought(number: int = 0) -> Body:
    """A purchase that is paid; its buyer is whom ``customer`` tells."""
    body = transaction("transaction.completed")
    return renamed(body, str(number)) if number else body


def customer(number: int = 0) -> Body:
    body = published("customer.created")
    return renamed(body, str(number)) if number else body


def tell(engine: Engine, *bodies: Body) -> None:
    add_events(engine, bodies)
    record([], 1)


def ask(engine: Engine) -> str:
    """Run the task now, whatever was to be waited for; how a person reads its end."""
    make_due(engine, CUSTOMER_FETCHES)
    let_ask(engine)
    with Fetcher(settings()) as fetcher:
        return drain_each(job(engine), fetcher).sentence()


def let_ask(engine: Engine) -> None:
    """End the pause in which the provider is not asked."""
    with engine.begin() as connection:
        connection.execute(text("UPDATE provider_budgets SET paused_until = NULL"))


def job(engine: Engine, name: str = "test") -> Job:
    return Job(engine, CUSTOMER_FETCHES, Claimant(name, "here"), settings())
