"""The doctor takes deliveries for a proof while the newest of them come through."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from sqlalchemy import Engine, text

from tests.integration.worker.doctor.conftest import KEY, PRICE, Ask, Deployment
from worker.local_shop import Client

LONG_AGO = "2020-01-01T00:00:00.000000Z"


def test_a_delivery_that_is_in_the_inbox_proves_the_secret(
    ask: Ask, deployment: Deployment, engine: Engine
) -> None:
    buy(deployment)
    elsewhere = ask("secret")
    store_all(engine, deployment)

    told = ask("secret")

    assert elsewhere.exit_code == 2
    assert "another receiver or another database" in elsewhere.words("secret")
    assert told.exit_code == 0
    assert "are in the inbox" in told.words("secret")


def test_a_simulation_that_is_in_the_inbox_proves_the_secret_for_now(
    ask: Ask, deployment: Deployment, engine: Engine
) -> None:
    store(engine, "evt_of_before")
    before = ask("secret")
    store(engine, "ntfsimevt_01k0000000000000000000000a")

    told = ask("secret")

    assert before.exit_code == 1
    assert before.words("secret").startswith("Deliveries came before")
    assert told.exit_code == 0
    assert told.words("secret").startswith("a simulation was verified (20")


@pytest.mark.parametrize(("failing", "code"), [(1, 1), (3, 2)])
def test_what_fails_now_counts_more_than_what_was_taken_before(
    ask: Ask,
    deployment: Deployment,
    engine: Engine,
    failing: int,
    code: int,
) -> None:
    buy(deployment)
    store_all(engine, deployment)
    fail_newest(deployment, failing)

    told = ask("secret")

    assert told.exit_code == code
    events = "1 event" if failing == 1 else f"{failing} events"
    expected = f"Deliveries of {events} failed since one was last taken."
    assert told.words("secret") == expected
    assert "read the answers" in told.command("secret")


def test_what_fails_of_another_destination_says_nothing_of_ours(
    ask: Ask, deployment: Deployment, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.doctor.deliveries.MOST_ASKED", 3)
    buy(deployment)
    store_all(engine, deployment)
    other = deployment.add_destination(query="other", active=False)
    fail_newest(deployment, 3, destination=other)

    told = ask("secret")

    assert told.exit_code == 0
    assert told.words("secret") == "3 of its newest 3 deliveries are in the inbox"


def test_that_the_newest_that_was_taken_is_nowhere_here_is_told(
    ask: Ask, deployment: Deployment, engine: Engine
) -> None:
    buy(deployment)
    *known, _ = events_of(deployment)
    store(engine, *known)

    told = ask("secret")

    assert told.exit_code == 2
    assert "the newest 1 are not in this inbox" in told.words("secret")


def test_a_prefix_before_the_path_is_well_where_deliveries_come_through(
    ask: Ask, deployment: Deployment, engine: Engine
) -> None:
    prefixed = f"http://127.0.0.1:{deployment.web_port}/shop/webhooks/paddle"
    deployment.change_destination(destination=prefixed)
    before = ask("address")
    buy(deployment)
    store_all(engine, deployment)

    told = ask("address")

    assert before.exit_code == 1
    assert "at /webhooks/paddle only. Does a proxy" in before.words("address")
    assert told.exit_code == 0


def test_what_connect_proves_behind_a_prefix_the_doctor_takes_for_right(
    ask: Ask, deployment: Deployment, engine: Engine
) -> None:
    prefixed = f"http://127.0.0.1:{deployment.web_port}/shop/webhooks/paddle"
    deployment.change_destination(destination=prefixed)
    store(engine, "ntfsimevt_01k0000000000000000000000a")

    told = ask("address")

    assert told.exit_code == 0
    assert told.words("address") == f"{prefixed}, and deliveries come through"


def buy(deployment: Deployment) -> None:
    """Sell something; every delivery is taken, by a receiver that stores nothing."""
    with taking(deployment.web_port), Client(deployment.url, KEY) as client:
        client.purchase("jo@example.com", prices=[PRICE])
        assert client.wait_until_quiet(30)


def events_of(deployment: Deployment) -> list[str]:
    """Return the ids of what was delivered, oldest first."""
    told = deployment.paddle.store.rows(
        "SELECT event_id FROM notifications ORDER BY id"
    )
    return [one["event_id"] for one in told]


def store_all(engine: Engine, deployment: Deployment) -> None:
    """Store what was delivered."""
    store(engine, *events_of(deployment))


def fail_newest(
    deployment: Deployment, count: int, destination: str | None = None
) -> None:
    """Let the newest deliveries fail, and all others have come long before."""
    run = deployment.paddle.store.run
    run("UPDATE notifications SET delivered_at = ?", (LONG_AGO,))
    run(
        "UPDATE notifications SET status = 'needs_retry', delivered_at = NULL,"
        " setting_id = coalesce(?, setting_id)"
        " WHERE id IN (SELECT id FROM notifications ORDER BY id DESC LIMIT ?)",
        (destination, count),
    )


def store(engine: Engine, *event_ids: str) -> None:
    """Store deliveries, as the receiver does that has verified them."""
    with engine.begin() as connection:
        for event_id in event_ids:
            connection.execute(
                text("""INSERT INTO inbox (provider, event_id, digest)
                VALUES ('paddle', :id, '')"""),
                {"id": event_id},
            )


@contextmanager
def taking(port: int) -> Iterator[None]:
    """Answer every delivery with success, as any receiver might."""

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Door)
    thread = threading.Thread(target=server.serve_forever, args=[0.02])
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
