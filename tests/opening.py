"""Checkouts that are to be opened, and what goes wrong on the way."""

import re
from collections.abc import Callable

from celery import Celery
from sqlalchemy import Engine

from tests.factories import make_due
from worker.checkouts.opener import Opener
from worker.checkouts.wish import Wish, wish_of
from worker.drain import Job, drain_each
from worker.providers.checkouts import Opened, Sale
from worker.providers.errors import ApiDownError
from worker.providers.paddle.checkout import PaddleCheckouts
from worker.settings import ROOT, Settings
from worker.work_tables import CHECKOUTS, Claimant

PRICE = "pri_01jd0pyth0nbas1cs0000000a1"
STATES = "SELECT state, email FROM checkouts"
GUIDE = (ROOT / "docs" / "integrate.md").read_text()
(SENT,) = re.findall(r"```python\n(celery\.send_task\(.+?)```", GUIDE, re.DOTALL)
post: Callable[[PaddleCheckouts, Sale], Opened] = PaddleCheckouts.open


def wish(**changes: object) -> Wish:
    given = {"prices": [PRICE], "learner_ref": "user-42", "reference": "order-17"}
    return wish_of(**{**given, **changes})  # type: ignore[arg-type]


WISH = wish(email="ada@example.com")


def send_as_told(broker_url: str) -> None:
    """Send the message of the guide, by a shop that knows nothing else of us."""
    shop = Celery(broker=broker_url, set_as_current=False)
    try:
        exec(SENT.replace("pri_…", PRICE), {"celery": shop})
    finally:
        shop.close()


def execute(engine: Engine, statement: str) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(statement)


def settle(engine: Engine) -> None:
    """Let the time pass in which a request without an answer may be carried out."""
    make_due(engine, CHECKOUTS)
    execute(engine, "UPDATE checkouts SET posted_at = posted_at - interval '2 min'")


def recover(engine: Engine, config: Settings) -> str:
    """Run the task now with these settings; how a person reads its end."""
    job = Job(engine, CHECKOUTS, Claimant("test", "here"), config)
    with Opener(config) as opener:
        return drain_each(job, opener).sentence()


def lost(self: PaddleCheckouts, sale: Sale) -> Opened:
    """Post, and hear nothing."""
    post(self, sale)
    raise ApiDownError("no answer: ReadTimeout")


def never_sent(_: PaddleCheckouts, __: Sale) -> Opened:
    """Fail before anything was sent, without knowing it."""
    raise ApiDownError("no answer: ReadTimeout")


def killed(self: PaddleCheckouts, sale: Sale) -> Opened:
    """Post, and die before anything is written down."""
    post(self, sale)
    raise KeyboardInterrupt
