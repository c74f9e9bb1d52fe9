"""The doctor names what is wrong with the key and the destination."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler

import pytest
from sqlalchemy import Engine, text

from tests.factories import rows
from tests.fixtures.answering import Answering
from tests.integration.worker.doctor.conftest import Ask, Configure, Deployment
from worker.providers.paddle.connection import NEEDED
from worker.providers.paddle.permissions import permission_of

KEY_ID = "apikey_01gtgztp8f4kek3yd4g1wrksa3"
NEW_KEY = f"pdl_sdbx_{KEY_ID}_q6TGTJyvoIz7LDtXT65bX7_AQO"
#: What a clock may be off, less than any test's is.
TOLERANCE = 60
BREAKER = "SELECT failures, paused_until FROM provider_budgets"
WHOLE = ("permissions", "destination", "address", "events", "traffic", "secret")


def test_a_whole_account_is_well_but_for_the_proof(
    ask: Ask, deployment: Deployment
) -> None:
    told = ask(*WHOLE, "Paddle's clock")

    wrong = {
        name: one["verdicts"]
        for name, one in told.checks.items()
        if one["severity"] != "ok"
    }
    assert list(wrong) == ["secret"]
    assert told.words("secret") == "No delivery ever proved the secret."
    assert told.exit_code == 1


def test_no_key_is_something_to_look_at_and_skips_what_asks(
    ask: Ask, deployment: Deployment
) -> None:
    deployment.settings(paddle_api_key="")

    told = ask(*WHOLE)

    assert told.exit_code == 1
    assert "PADDLE_API_KEY is not set" in told.words("api key")
    assert {told.severity(one) for one in WHOLE} == {"skipped"}


def test_a_wrong_key_is_named_once(ask: Ask, deployment: Deployment) -> None:
    deployment.settings(paddle_api_key="pdl_local_another")

    told = ask(*WHOLE)

    assert told.exit_code == 2
    assert "not believed (invalid_token)" in told.words("api key")
    assert "PADDLE_API_KEY" in told.command("api key")
    assert {told.words(one) for one in WHOLE} == {"not looked at: see api key"}


def test_each_permission_that_the_key_lacks_is_named(
    ask: Ask, deployment: Deployment
) -> None:
    may = ["notification.read", "notification_setting.read", "transaction.read"]
    deployment.permit(may)

    told = ask("permissions")

    assert told.exit_code == 2
    words = told.words("permissions")
    for lacking in ("customer", "subscription", "adjustment", "price", "product"):
        assert f"{lacking}.read" in words
    assert "transaction.read" not in words
    assert "transaction.write, needed to open checkouts" in words


def test_what_only_checkouts_need_is_something_to_look_at(
    ask: Ask, deployment: Deployment
) -> None:
    deployment.permit({permission_of(*one) for one in NEEDED})

    told = ask("permissions")

    assert told.exit_code == 1
    assert (
        told.words("permissions")
        == "The key lacks customer.write, transaction.write, needed to open checkouts."
    )


def test_a_paddle_that_does_not_answer_is_no_fault_of_the_key(
    ask: Ask, deployment: Deployment
) -> None:
    deployment.settings(paddle_api_url="http://127.0.0.1:9")

    told = ask("api key")

    assert told.exit_code == 1
    assert "no answer" in told.words("api key")


def test_time_outs_of_the_doctor_s_make_nobody_else_wait(
    ask: Ask, deployment: Deployment, engine: Engine
) -> None:
    deployment.settings(paddle_api_url="http://127.0.0.1:9")

    told = ask("permissions", "destination")

    assert told.exit_code == 1
    assert rows(engine, BREAKER) == [(0, None)]


def test_the_doctor_is_not_the_one_who_tries_whether_paddle_answers_again(
    ask: Ask, deployment: Deployment, engine: Engine
) -> None:
    ask("api key")
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE provider_budgets SET failures = 5")

    told = ask("api key")

    assert told.exit_code == 1
    assert "5 requests in a row had no answer" in told.words("api key")
    assert rows(engine, BREAKER) == [(5, None)]


def test_a_pause_that_paddle_asks_the_doctor_for_is_everybody_s(
    ask: Ask, deployment: Deployment, engine: Engine
) -> None:
    deployment.paddle.limit.allow(0)

    told = ask("api key")

    assert told.exit_code == 1
    assert rows(engine, "SELECT paused_until > now() FROM provider_budgets") == [
        (True,)
    ]


def test_the_doctor_leaves_turns_to_those_who_wait_for_access(
    ask: Ask, deployment: Deployment, engine: Engine
) -> None:
    deployment.settings(paddle_requests_per_minute=240)
    ask("api key")
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE provider_budgets SET tokens = 8,"
            " filled_at = clock_timestamp() + interval '1 h'"
        )

    told = ask("api key")

    assert told.exit_code == 1
    assert "240 requests a minute are used up" in told.words("api key")


def test_two_destinations_that_double_every_delivery_are_something_to_look_at(
    ask: Ask, deployment: Deployment
) -> None:
    other = deployment.add_destination(query="secret=2")
    told = ask("destination")
    asleep = deployment.add_destination(query="secret=3", active=False)

    assert told.exit_code == 1
    assert f" and {other} lead to one address" in told.words("destination")
    assert asleep not in ask("destination").words("destination")


def test_a_destination_at_an_earlier_address_is_something_to_look_at(
    ask: Ask, deployment: Deployment
) -> None:
    (now,) = deployment.paddle.store.all("notification_setting")
    earlier = {
        "id": f"ntfset_{'0' * 26}",
        "destination": "http://127.0.0.1:9/old?key=x",
    }
    deployment.paddle.store.put("notification_setting", {**now, **earlier})

    told = ask("destination", "address")

    assert told.exit_code == 1
    words = f"{earlier['id']}, which leads to http://127.0.0.1:9/old."
    assert told.words("destination").endswith(words)
    assert "switch it off" in told.command("destination")
    assert told.words("address") == now["destination"]


def test_an_account_without_a_destination_is_sent_to_connect(
    ask: Ask, deployment: Deployment
) -> None:
    (setting,) = deployment.paddle.store.all("notification_setting")
    deployment.paddle.store.drop("notification_setting", setting["id"])

    told = ask("destination", "address")

    assert told.exit_code == 2
    assert told.words("destination") == "Paddle has no notification destination."
    line = f"--environment local --url http://127.0.0.1:{deployment.web_port}"
    assert told.command("destination") == f"./paddlewheel connect {line}"
    assert told.words("address") == "not looked at: see destination"


@pytest.mark.parametrize(
    ("check", "changes", "expected"),
    [
        ("destination", {"active": False}, "is switched off"),
        ("destination", {"endpoint_secret_key": "other"}, "PADDLE_WEBHOOK_SECRETS"),
        ("address", {"destination": "http://127.0.0.1:1/webhooks/paddle"}, "WEB_PORT"),
        ("address", {"destination": "http://127.0.0.1/hooks"}, "at /webhooks/paddle"),
        (
            "address",
            {"destination": "http://127.0.0.1/webhooks/paddle/"},
            "at /webhooks/paddle",
        ),
        ("events", {"subscribed_events": [{"name": "price.created"}]}, "access goes"),
        ("traffic", {"traffic_source": "simulation"}, "simulations only"),
    ],
)
def test_a_destination_that_is_wrong_is_named(
    ask: Ask,
    deployment: Deployment,
    check: str,
    changes: dict[str, object],
    expected: str,
) -> None:
    deployment.change_destination(**changes)

    told = ask(check)

    assert told.exit_code == 2
    assert told.severity(check) == "broken"
    assert expected in told.words(check)
    assert "./paddlewheel connect" in told.command(check)


def test_of_others_destinations_only_the_host_is_told(
    ask: Ask, deployment: Deployment
) -> None:
    theirs = "https://user:c4n4ry@hooks.example.com/c4n4ry?key=c4n4ry"
    deployment.change_destination(destination=theirs, endpoint_secret_key="other")

    told = ask("destination")

    assert " at hooks.example.com." in told.words("destination")
    assert "c4n4ry" not in json.dumps(told.checks)


def test_of_our_destination_neither_user_nor_query_is_told(
    ask: Ask, deployment: Deployment
) -> None:
    ours = f"http://user:c4n4ry@127.0.0.1:{deployment.web_port}/hooks?key=c4n4ry"
    deployment.change_destination(destination=ours)

    told = ask("destination", "address")

    shown = f"http://127.0.0.1:{deployment.web_port}/hooks"
    assert f"leads to {shown}:" in told.words("address")
    assert "c4n4ry" not in json.dumps(told.checks)


def test_events_that_are_kept_are_missed(ask: Ask, deployment: Deployment) -> None:
    (setting,) = deployment.paddle.store.all("notification_setting")
    fewer = [
        one for one in setting["subscribed_events"] if one["name"] != "payout.paid"
    ]
    deployment.change_destination(subscribed_events=fewer)

    told = ask("events")

    assert told.exit_code == 1
    assert told.words("events") == "Not subscribed to payout.paid, which is kept."


def test_events_that_are_never_used_are_something_to_look_at(
    ask: Ask, deployment: Deployment
) -> None:
    (setting,) = deployment.paddle.store.all("notification_setting")
    more = [*setting["subscribed_events"], {"name": "invoice.paid"}]
    deployment.change_destination(subscribed_events=more)

    told = ask("events")

    assert told.exit_code == 1
    assert told.words("events") == "Subscribed to invoice.paid, which is never used."


@pytest.mark.parametrize(
    ("event_type", "days", "expected"),
    [
        ("api_key.expiring", 5, (1, "The key ends 20")),
        ("api_key.expiring", -1, (2, "is over")),
        ("api_key.revoked", 90, (2, "is over (api_key.revoked)")),
    ],
)
def test_what_paddle_told_of_the_key_s_end_is_told(
    ask: Ask,
    key_of_today: Engine,
    event_type: str,
    days: int,
    expected: tuple[int, str],
) -> None:
    end = datetime.now(UTC) + timedelta(days=days)
    tell(key_of_today, event_type, KEY_ID, end)
    tell(key_of_today, "api_key.revoked", "apikey_of_another", end)

    told = ask("key's end")

    assert told.exit_code == expected[0]
    assert expected[1] in told.words("key's end")


def test_of_a_key_of_which_nothing_was_told_all_is_well(
    ask: Ask, key_of_today: Engine
) -> None:
    assert ask("key's end").exit_code == 0


@pytest.fixture
def key_of_today(engine: Engine, configured: Configure) -> Engine:
    """The database of a deployment whose key bears its id."""
    configured(paddle_environment="sandbox", paddle_api_key=NEW_KEY)
    return engine


@pytest.mark.parametrize(
    ("off", "expected"),
    [
        (timedelta(minutes=-3), (2, "ahead of Paddle's: every delivery is refused.")),
        (timedelta(minutes=3), (2, "behind Paddle's: every delivery is refused.")),
        (timedelta(seconds=30), (1, "behind Paddle's.")),
        (timedelta(), (0, "of Paddle's")),
    ],
    ids=["ahead", "behind", "somewhat", "right"],
)
def test_a_clock_that_is_off_from_paddles_is_told(
    ask: Ask,
    deployment: Deployment,
    answering: Answering,
    off: timedelta,
    expected: tuple[int, str],
) -> None:
    deployment.settings(
        paddle_api_url=answering.url, paddle_tolerance_seconds=TOLERANCE
    )
    answering.answer = lambda request: tell_the_time(request, datetime.now(UTC) + off)

    told = ask("Paddle's clock")

    assert told.exit_code == expected[0]
    assert told.words("Paddle's clock").endswith(expected[1])


def tell_the_time(request: BaseHTTPRequestHandler, now: datetime) -> None:
    """Answer as a server with another clock, which ``Date`` alone tells."""
    request.send_response_only(200)
    request.send_header("date", format_datetime(now, usegmt=True))
    request.send_header("content-length", "0")
    request.end_headers()


def tell(engine: Engine, event_type: str, key_id: str, end: datetime) -> None:
    """Store an event about a key, as ``events.record`` leaves it."""
    body = f'{{"data": {{"id": "{key_id}", "expires_at": "{end.isoformat()}"}}}}'
    with engine.begin() as connection:
        row = connection.execute(
            text("""INSERT INTO inbox (provider, event_id, event_type, occurred_at,
                                       digest, state)
            VALUES ('paddle', :id, :type, now(), '', 'ignored')
            RETURNING id, received_at"""),
            {"id": f"evt_{event_type}_{key_id}", "type": event_type},
        ).one()
        connection.execute(
            text("INSERT INTO inbox_bodies VALUES (:id, :at, :body)"),
            {"id": row.id, "at": row.received_at, "body": body.encode()},
        )
