"""From a signed request to rows, through a real receiver."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
from sqlalchemy import Engine, text

from bench.load import body_of, request_of, run_load
from tests.fixtures.receivers import (
    PATIENT,
    SECRET,
    Running,
    StartReceiver,
    requests_of,
)

ODD_BODIES = {
    "not JSON": b"nonsense",
    "NUL in the id": body_of("evt\\u0000x").replace(b"\\\\u0000", b"\\u0000"),
    "lone surrogate": body_of("evt").replace(b'"evt"', b'"\\ud800"'),
    "too deep": b'{"event_id":' + b"[" * 100_000,
    "array id": body_of("evt").replace(b'"event_id":"evt"', b'"event_id":["evt"]'),
    "no id": body_of("evt").replace(b'"event_id"', b'"id"'),
    "impossible time": body_of("evt").replace(b"2026-11-21T", b"9999-99-99T"),
}


def rows(engine: Engine, statement: str) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(statement))]


def test_a_delivery_is_stored_with_its_bytes(receiver: Running, engine: Engine) -> None:
    body = body_of("evt_1", note="Zoë 😀")
    assert receiver.post(body) == 200
    [row] = rows(
        engine,
        "SELECT provider, event_id, event_type, state, source, digest = sha256(body),"
        " body, attempts FROM inbox i JOIN inbox_bodies b ON b.inbox_id = i.id"
        " AND b.received_at = i.received_at",
    )
    assert row[:6] == (
        "paddle", "evt_1", "transaction.completed", "pending", "webhook", True
    )  # fmt: skip
    assert row[6:] == (body, 0)


def test_a_repeated_delivery_is_stored_once(receiver: Running, engine: Engine) -> None:
    body = body_of("evt_1")
    assert [receiver.post(body) for _ in range(3)] == [200] * 3
    assert rows(engine, "SELECT count(*) FROM inbox") == [(1,)]
    assert rows(engine, "SELECT count(*) FROM inbox_variants") == [(0,)]
    assert receiver.metric('paddlewheel_deliveries_total{outcome="duplicate"') == 2


def test_other_bytes_under_a_known_id_are_kept_once(
    receiver: Running, engine: Engine
) -> None:
    first, second = body_of("evt_1"), body_of("evt_1", note="other")
    assert [receiver.post(b) for b in (first, second, second, first)] == [200] * 4
    assert rows(engine, "SELECT body, state FROM inbox_variants") == [
        (second, "pending")
    ]
    assert rows(engine, "SELECT body FROM inbox_bodies") == [(first,)]
    assert receiver.metric('paddlewheel_deliveries_total{outcome="variant"') == 1


def test_sixteen_racing_deliveries_make_one_row(
    receiver: Running, engine: Engine
) -> None:
    for number in range(5):
        requests = [request_of(body_of(f"evt_{number}"), SECRET)] * 16
        assert run_load(receiver.address, requests, 16).counts == {200: 16}
    assert rows(engine, "SELECT count(*) FROM inbox") == [(5,)]
    assert rows(engine, "SELECT count(*) FROM inbox_variants") == [(0,)]


@pytest.mark.parametrize("odd", ODD_BODIES.values(), ids=list(ODD_BODIES))
def test_an_odd_body_is_kept_and_its_neighbours_too(
    receiver: Running, engine: Engine, odd: bytes
) -> None:
    requests = requests_of([f"evt_{n}" for n in range(9)])
    requests.insert(4, request_of(odd, SECRET))
    assert run_load(receiver.address, requests, 10).counts == {200: 10}
    assert rows(engine, "SELECT count(*) FROM inbox") == [(10,)]
    [kept] = rows(
        engine,
        "SELECT event_id = 'sha256:' || encode(digest, 'hex'), occurred_at, body"
        " FROM inbox i JOIN inbox_bodies b ON b.inbox_id = i.id"
        " WHERE event_type IS NULL",
    )
    assert kept == (True, None, odd)


def test_two_receivers_with_the_same_ids_in_opposite_order(
    start_receiver: StartReceiver, engine: Engine
) -> None:
    both = [start_receiver(PATIENT), start_receiver(PATIENT)]
    for turn in range(3):
        requests = requests_of(
            [f"evt_{turn}_{n:04}" for n in range(800)], size_bytes=400
        )
        orders = (requests, requests[::-1])
        with ThreadPoolExecutor(2) as pool:
            loads = [
                pool.submit(run_load, each.address, order, 200)
                for each, order in zip(both, orders, strict=True)
            ]
        assert [load.result().counts for load in loads] == [{200: 800}, {200: 800}]
    assert rows(engine, "SELECT count(*) FROM inbox") == [(2400,)]
    assert rows(engine, "SELECT count(*) FROM inbox_bodies") == [(2400,)]
    for each in both:
        assert "inbox_unavailable" not in each.log.read_text()


def test_a_row_the_database_refuses_is_kept_as_odd_beside_good_ones(
    receiver: Running, engine: Engine
) -> None:
    refuse = (
        "CREATE FUNCTION refuse_bad() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF NEW.event_id = 'evt_bad' THEN RAISE 'no' USING ERRCODE = '22003'; END IF;"
        " RETURN NEW; END $$;"
        "CREATE TRIGGER refuse_bad BEFORE INSERT ON inbox FOR EACH ROW"
        " EXECUTE FUNCTION refuse_bad()"
    )
    with engine.begin() as connection:
        connection.execute(text(refuse))
    try:
        ids = [*(f"evt_{n}" for n in range(30)), "evt_bad", "evt_z"]
        assert run_load(receiver.address, requests_of(ids), 32).counts == {200: 32}
        assert receiver.post(body_of("evt_bad")) == 200
    finally:
        with engine.begin() as connection:
            connection.execute(text("DROP FUNCTION refuse_bad CASCADE"))
    assert rows(engine, "SELECT count(*), count(event_type) FROM inbox") == [(32, 31)]


def test_refused_deliveries_leave_nothing_and_all_hear_the_same(
    receiver: Running, engine: Engine
) -> None:
    body = body_of("evt_1")
    good = request_of(body, SECRET)
    bad = {
        "wrong_signature": request_of(body, b"other"),
        "too_old": request_of(body, SECRET, now=1),
        "too_new": request_of(body, SECRET, now=4_000_000_000),
        "missing_header": good.replace(b"Paddle-Signature", b"Other-Signature"),
        "bad_timestamp": good.replace(b": ts=", b": ts=x"),
        "no_signature": good.replace(b";h1=", b";h2="),
        "header_too_long": good.replace(b";h1=", b";" + b"x" * 5000 + b";h1="),
        "too_many_signatures": good.replace(b";h1=", b";h1=" * 12),
    }
    answers = {receiver.ask(request) for request in bad.values()}
    assert len(answers) == 1
    assert answers.pop().startswith(b"HTTP/1.1 400 ")
    assert rows(engine, "SELECT count(*) FROM inbox") == [(0,)]
    for reason in bad:
        labels = f'outcome="refused",provider="paddle",reason="{reason}"'
        assert receiver.metric(f"paddlewheel_deliveries_total{{{labels}}}") == 1


def next_message(client: redis.Redis) -> bytes:
    found = client.blpop(["critical"], 60)
    assert isinstance(found, list | tuple)
    assert isinstance(found[1], bytes)
    return found[1]


def test_new_rows_are_rung_for_and_variants_too(
    receiver: Running, engine: Engine, broker_url: str
) -> None:
    client = redis.Redis.from_url(broker_url)
    client.delete("critical")
    bodies = [body_of("evt_1"), body_of("evt_1"), body_of("evt_1", note="x")]
    assert [receiver.post(body) for body in bodies] == [200] * 3
    expected = {
        ("events.record", f"(1 id, {rows(engine, 'SELECT id FROM inbox')[0][0]})"),
        (
            "variants.compare",
            f"(1 id, {rows(engine, 'SELECT id FROM inbox_variants')[0][0]})",
        ),
    }
    headers = [json.loads(next_message(client))["headers"] for _ in expected]
    assert {(each["task"], each["argsrepr"]) for each in headers} == expected


def test_switched_off_deliveries_are_stored_and_not_rung(
    start_receiver: StartReceiver, engine: Engine, broker_url: str
) -> None:
    client = redis.Redis.from_url(broker_url)
    receiver = start_receiver(PATIENT, paddle_billing_enabled=False)
    client.delete("critical")
    assert receiver.post(body_of("evt_1")) == 200
    assert rows(engine, "SELECT state FROM inbox") == [("pending",)]
    threading.Event().wait(0.3)
    assert not client.llen("critical")


def test_counts_and_times_are_shown(receiver: Running) -> None:
    assert run_load(receiver.address, requests_of(["a", "b", "b"]), 3).counts == {
        200: 3
    }
    assert receiver.metric('paddlewheel_deliveries_total{outcome="stored"') == 2
    assert receiver.metric('paddlewheel_deliveries_total{outcome="duplicate"') == 1
    assert receiver.metric("paddlewheel_acknowledgement_seconds_count") == 3
    assert receiver.metric("paddlewheel_group_rows_sum") == 3
    assert (
        receiver.metric(
            'paddlewheel_secret_matches_total{provider="paddle",secret="0"}'
        )
        == 3
    )
