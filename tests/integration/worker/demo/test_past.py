"""The stories come to what they say, as the local Paddle tells it."""

import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from local_paddle.catalog import offers_in
from local_paddle.server import Options, running
from tests.fixtures.processes import eventually
from worker.demo import buyers, subscribers, users
from worker.demo.cast import Cast
from worker.demo.goods import FILE, read_goods
from worker.demo.outage import UNSUBSCRIBED, deliveries_stop
from worker.demo.past import live_through, open_shop
from worker.local_shop import Client
from worker.processes.ports import free_port

KEY = "a-key"


@dataclass
class Past:
    cast: Cast
    truth: dict[str, Any]
    #: By type how many events Paddle has given up on, and how many it never sent.
    lost: Counter[str]
    unsent: Counter[str]

    def states(self, email: str) -> dict[str, str]:
        courses = [c for c in self.truth["courses"] if c["email"] == email]
        return {c["course"]: c["state"] for c in courses}


def email_of(story: Any) -> str:
    return f"{story.__name__.replace('_', '-')}@example.com"


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    folder = tmp_path_factory.mktemp("paddle")
    nobody = f"http://127.0.0.1:{free_port()}/"
    options = Options(folder, KEY, "secret", nobody, tuple(offers_in(FILE)))
    today = datetime.now(UTC)
    with running(options) as (_, address), Client(address, KEY) as shop:
        cast = Cast(shop)
        open_shop(cast, today)
        live_through(cast, today, beside=[deliveries_stop(shop, {})])
        # Deliveries go on beside: what has had no turn yet is not what is never sent.
        eventually(
            lambda: not shop.listed("/notifications?status=not_attempted&per_page=1"),
            what="every notification has been tried",
        )
        failed = shop.listed("/notifications?status=failed&per_page=200")
        truth = shop.truth()
        unsent = Counter(
            e["event_type"] for e in truth["events"] if not e["deliveries"]
        )
        yield Past(cast, truth, Counter(one["type"] for one in failed), unsent)


@pytest.mark.parametrize(
    ("story", "state"),
    subscribers.STORIES.items(),
    ids=[story.__name__ for story in subscribers.STORIES],
)
def test_a_subscriber_comes_to_what_the_story_says(
    story: Any, state: str, past: Past
) -> None:
    # Of an invoice that was never paid nothing was ever given.
    assert past.states(email_of(story)).get("study-club", "ended") == state


@pytest.mark.parametrize(
    ("story", "states"),
    buyers.STORIES.items(),
    ids=[story.__name__ for story in buyers.STORIES],
)
def test_a_buyer_comes_to_what_the_story_says(
    story: Any, states: dict[str, str], past: Past
) -> None:
    told = past.states(email_of(story))
    # How long a course lasts is not Paddle's to know.
    dated = {"exam-training": "active"} if "exam-training" in told else {}
    assert told == {**states, **dated}


def test_time_has_passed_as_the_stories_need_it(past: Past) -> None:
    by_email = {s["email"]: s for s in past.truth["subscriptions"]}
    bills = {
        story.__name__: len(by_email[email_of(story)]["transaction_ids"])
        for story in subscribers.STORIES
    }
    assert bills["renews"] == 3
    assert bills["tried_it_first"] == 3
    assert bills["is_still_trying"] == 1
    owing = [
        email_of(s) for s in (subscribers.is_in_grace, subscribers.is_out_of_grace)
    ]
    assert {by_email[email]["status"] for email in owing} == {"past_due"}
    scheduled = by_email[email_of(subscribers.will_cancel)]["scheduled_change"]
    assert scheduled["action"] == "cancel"
    present = datetime.fromisoformat(past.truth["now"])
    assert abs((datetime.now(UTC) - present).total_seconds()) < 60


def test_every_user_of_the_stories_really_signed(past: Past) -> None:
    told = {user for story in users.STORIES.values() for user in story}
    assert set(past.cast.users.values()) == {u for u in told if "@" not in u}
    claims = [(r["custom_data"] or {}).get("learner") for r in past.truth["reasons"]]
    believed = [past.cast.users.get(claim) for claim in claims if claim]
    assert believed.count(None) == 1  # the forged one


def test_the_goods_are_those_of_the_catalog() -> None:
    content = tomllib.loads(FILE.read_text())
    given: dict[str, set[str]] = defaultdict(set)
    for offer in offers_in(FILE):
        given[offer.price_id].update(offer.courses)
    goods = read_goods()
    assert goods.days.keys() <= given.keys()
    assert goods.events == {"live-workshop"}
    assert {key for keys in given.values() for key in keys} == {
        course["key"] for course in content["courses"]
    }


def test_a_week_loses_some_of_all_kinds_for_good(past: Past) -> None:
    lost = past.lost
    assert lost["transaction.completed"] > 10
    assert lost["subscription.updated"] > 10
    assert lost["adjustment.created"] > 3
    assert lost["customer.created"] > 1
    assert lost[UNSUBSCRIBED] == 0
    assert past.unsent == {UNSUBSCRIBED: 1}
