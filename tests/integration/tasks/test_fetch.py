"""``customers.fetch``: from a parked purchase to its access."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from sqlalchemy import Engine, text

from local_paddle.server import Options, running
from tasks.activate import activate
from tasks.fetch import Fetcher, fetch
from tasks.record import record
from tasks.release import release
from tests.factories import add_offer, one, rows
from tests.fetching import ask, bought, customer, job, tell
from tests.fixtures.answering import Answering, reply
from tests.integration.local_paddle.conftest import (
    API_KEY,
    BASICS,
    OFFERS,
    SECRET,
    WAIT_SECONDS,
    receiving,
)
from tests.purchases import (
    CUSTOMER,
)
from worker.drain import drain_each
from worker.fetching import note_unknown_buyers
from worker.local_shop import Client
from worker.settings import Settings, settings
from worker.synthetic import store_synthetic

FETCHES = "SELECT state, customer_id FROM customer_fetches ORDER BY customer_id"


def test_a_buyer_nobody_told_of_is_asked_for_and_gets_access(
    asking: Engine, answering: Answering
) -> None:
    answering.know(customer())
    tell(asking, bought())
    assert one(asking, "SELECT reason FROM parked") == "unknown learner"

    assert release().endswith("1 buyer to be asked for")
    assert fetch([], 1) == "1 fetched"
    record([], 1)
    activate([], 1)

    assert rows(asking, "SELECT * FROM parked") == []
    assert rows(asking, "SELECT state FROM enrollments") == [("active",)]
    assert one(asking, "SELECT email FROM learners") == customer()["data"]["email"]
    assert rows(asking, FETCHES) == [("fetched", CUSTOMER)]
    assert rows(
        asking, "SELECT source, state, event_type FROM inbox WHERE event_id LIKE 'pw_%'"
    ) == [("reconciliation", "processed", "customer.updated")]


def test_a_buyer_is_asked_for_once(asking: Engine, answering: Answering) -> None:
    answering.know(customer())
    tell(asking, bought())
    release()
    fetch([], 1)

    assert release() == "nothing parked can be released"
    assert fetch([], 1) == "nothing due"
    assert answering.asked == [CUSTOMER]


def test_who_became_known_meanwhile_is_not_asked_for(
    asking: Engine, answering: Answering
) -> None:
    tell(asking, bought())
    release()
    tell(asking, customer())

    assert fetch([], 1) == "1 known"
    assert answering.asked == []


def test_an_event_that_came_after_the_answer_wins(
    asking: Engine, answering: Answering
) -> None:
    answering.know(customer())
    tell(asking, bought())
    release()
    fetch([], 1)
    later = customer()
    later["event_type"] = "customer.updated"
    later["data"] |= {"email": "new@example.com", "updated_at": "2030-01-01T00:00:00Z"}
    tell(asking, later)

    assert one(asking, "SELECT email FROM customers") == "new@example.com"
    assert one(asking, "SELECT count(*) FROM learners") == 1


def test_a_customer_that_is_not_there_stays_parked_and_is_not_asked_for_again(
    asking: Engine, answering: Answering
) -> None:
    tell(asking, bought())
    release()

    assert fetch([], 1) == "1 missing"
    release()

    assert fetch([], 1) == "nothing due"
    assert len(answering.asked) == 1
    assert one(asking, "SELECT count(*) FROM parked") == 1
    state = "SELECT state FROM findings WHERE kind = 'customer_missing'"
    assert one(asking, state) == "open"

    tell(asking, customer())

    assert one(asking, state) == "cleared"


def test_two_workers_at_once_ask_for_each_buyer_once(
    asking: Engine, sessions: Callable[[], Engine], answering: Answering
) -> None:
    numbers = range(1, 13)
    for number in numbers:
        answering.know(customer(number))
    tell(asking, *map(bought, numbers))
    together = threading.Barrier(2)
    fetched: list[int] = []

    def work(name: str) -> None:
        engine = sessions()
        together.wait(30)
        with engine.begin() as connection:
            note_unknown_buyers(connection, ["paddle"])
        together.wait(30)
        with Fetcher(settings()) as fetcher:
            tally = drain_each(job(engine, name), fetcher)
        fetched.append(tally.ended["fetched"])

    threads = [threading.Thread(target=work, args=[name]) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    record([], 1)

    assert sum(fetched) == len(numbers)
    assert sorted(answering.asked) == sorted(answering.customers)
    assert one(asking, "SELECT count(*) FROM learners") == len(numbers)
    assert rows(asking, "SELECT * FROM parked") == []


def test_a_row_that_another_took_over_changes_nothing(
    asking: Engine, answering: Answering
) -> None:
    answering.know(customer())
    tell(asking, bought())
    release()

    def lose(request: BaseHTTPRequestHandler) -> None:
        with asking.begin() as connection:
            lost = "UPDATE customer_fetches SET lease_token = gen_random_uuid()"
            connection.execute(text(lost))
        reply(request, 200, {"data": customer()["data"]})

    answering.answer = lose
    ask(asking)

    assert rows(asking, FETCHES) == [("pending", CUSTOMER)]
    assert one(asking, "SELECT count(*) FROM inbox WHERE event_id LIKE 'pw_%'") == 0


def test_the_same_answer_again_is_one_event(asking: Engine) -> None:
    entity = json.dumps(customer()["data"]).encode()
    spaced = json.dumps(customer()["data"], indent=2).encode()

    with asking.begin() as connection:
        stored = store_synthetic(connection, "paddle", "customer", entity)
        again = store_synthetic(connection, "paddle", "customer", spaced)

    assert stored is not None
    assert again is None
    assert one(asking, "SELECT count(*) FROM inbox") == 1
    assert one(asking, "SELECT count(*) FROM inbox_bodies") == 1
    assert record([], 1) == "1 processed"


def test_the_local_paddle_tells_who_bought(
    core: Engine, configured: Callable[..., Settings], tmp_path: Path
) -> None:
    add_offer(core, BASICS, "basics")
    with receiving() as receiver:
        options = Options(tmp_path, API_KEY, SECRET, receiver.url, OFFERS)
        with running(options) as (_, url), Client(url, API_KEY) as local:
            local.purchase("ada@example.com", prices=[BASICS])
            assert local.wait_until_quiet(WAIT_SECONDS)
            bodies = [json.loads(request.body) for request in receiver.received]
            names = ("address.", "customer.")
            tell(core, *(b for b in bodies if not b["event_type"].startswith(names)))
            assert one(core, "SELECT reason FROM parked") == "unknown learner"
            with core.begin() as connection:
                long_ago = (
                    "UPDATE transactions SET waits_since = now() - interval '1 h'"
                )
                connection.execute(text(long_ago))

            configured(paddle_api_url=url, paddle_api_key=API_KEY)
            release()
            assert fetch([], 1) == "1 fetched"
    record([], 1)
    activate([], 1)

    assert rows(core, "SELECT email FROM learners") == [("ada@example.com",)]
    assert rows(core, "SELECT course_key, state FROM enrollments") == [
        ("basics", "active")
    ]
