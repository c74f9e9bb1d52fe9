"""``paddlewheel up`` under fire: every test kills, stops or breaks real processes."""

import json
import os
import signal
import time

import psycopg
import pytest
from dotenv import dotenv_values

from tests.fixtures.processes import Up, eventually

pytestmark = pytest.mark.drill

#: Ends some time after TERM, as a worker in the middle of a task: when a file is there.
#: Its child, in the same session, says so if it gets the signal too.
WORKER = """\
import os, signal, subprocess, sys, time
child = "import signal, time\\n" \\
    "signal.signal(15, lambda *_: print('child got TERM', flush=True))\\n" \\
    "print('child', flush=True)\\n" \\
    "time.sleep(60); time.sleep(60)"
subprocess.Popen([sys.executable, "-c", child])
def end(*_):
    print("task goes on", flush=True)
    while not os.path.exists(sys.argv[1]):
        time.sleep(0.05)
    print("task ended", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("worker", flush=True)
while True:
    time.sleep(1)
"""


def database(up: Up) -> str:
    return str(dotenv_values(up.state / "env")["DATABASE_URL"])


def test_ctrl_c_stops_in_order_lets_work_end_and_leaves_nothing(up: Up) -> None:
    (up.folder / "worker.py").write_text(WORKER)
    up.start(
        "beat: sleep 60\n"
        f"worker: python {up.folder}/worker.py {up.folder}/done\n"
        "flower: sleep 60\n"
        "release: echo migrating\n"
    ).ready()
    eventually(lambda: "| child" in up.output)

    up.signal(signal.SIGINT)
    eventually(lambda: "task goes on" in up.output)
    up.signal(signal.SIGINT)
    eventually(lambda: "Still stopping" in up.output)
    (up.folder / "done").touch()

    assert up.wait() == 0
    said = [
        "migrating",
        "beat        | stopped",
        "task goes on",
        "Still stopping",
        "task ended",
        "worker      | stopped (exit code 0)",
        "flower      | stopped",
        "Valkey has stopped",
        "PostgreSQL has stopped",
    ]
    places = [up.output.index(text) for text in said]
    assert places == sorted(places)
    assert "child got TERM" not in up.output
    assert up.left() == []


def test_a_second_up_goes_on_where_the_first_was_stopped(up: Up) -> None:
    up.start("web2: sleep 60\n").ready()
    before = dotenv_values(up.state / "env")
    with psycopg.connect(database(up)) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
    up.signal(signal.SIGTERM)
    assert up.wait() == 0

    up.start("web2: sleep 60\n")
    eventually(lambda: up.output.count("Paddlewheel runs.") == 2)

    after = dotenv_values(up.state / "env")
    same = ("DATABASE_URL", "BROKER_URL", "PADDLE_WEBHOOK_SECRETS", "FLOWER_BASIC_AUTH")
    assert {n: after[n] for n in same} == {n: before[n] for n in same}
    with psycopg.connect(database(up)) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (7,)


def test_a_killed_up_leaves_no_process_and_the_next_one_starts(up: Up) -> None:
    up.start("beat: sleep 60\nworker: sh -c 'sleep 60'\n").ready()
    with psycopg.connect(database(up)) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 8 AS number")

    up.signal(signal.SIGKILL)
    up.wait()
    up.start("beat: sleep 60\n")
    eventually(lambda: up.output.count("Paddlewheel runs.") == 2)

    with psycopg.connect(database(up)) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (8,)
    up.signal(signal.SIGKILL)
    up.wait()
    eventually(lambda: up.left() == [])


def test_what_dies_unasked_is_started_again_servers_included(up: Up) -> None:
    up.start("beat: echo tick; sleep 60\nflaky: sh -c 'exit 3'\n").ready()
    postmaster = int(
        (up.state / "postgres/data/postmaster.pid").read_text().splitlines()[0]
    )
    with psycopg.connect(database(up)) as connection:
        connection.execute("SELECT pg_sleep(0)")

    os.kill(postmaster, signal.SIGKILL)

    eventually(lambda: "PostgreSQL ended unasked: starting again" in up.output)
    eventually(lambda: _answers(up))
    eventually(lambda: up.output.count("ended unasked (exit code 3)") >= 2)
    assert "starting again in 0.5 s" in up.output
    assert "starting again in 1 s" in up.output


def _answers(up: Up) -> bool:
    try:
        with psycopg.connect(database(up)):
            return True
    except psycopg.OperationalError:
        return False


def test_a_second_up_in_the_same_folder_is_refused_with_a_sentence(up: Up) -> None:
    up.start("beat: sleep 60\n").ready()
    other = Up(up.folder, up.state, up.mark)

    other.start("beat: sleep 60\n")

    assert other.wait() == 1
    assert "runs in" in up.output
    assert "Traceback" not in up.output


def test_a_failing_release_stops_everything_with_a_sentence(up: Up) -> None:
    up.start("release: echo broken && exit 4\nweb: sleep 60\n")

    assert up.wait() == 1
    assert "The release step failed (exit code 4)" in up.output
    assert up.left() == []


def test_ctrl_c_before_everything_runs_is_a_clean_stop_too(up: Up) -> None:
    up.start("release: echo slow && sleep 600\nweb: sleep 60\n")
    eventually(lambda: "slow" in up.output)

    asked_at = time.monotonic()
    up.signal(signal.SIGINT)

    assert up.wait() == 0
    # Before the grace is over after which it would kill.
    assert time.monotonic() - asked_at < 25
    assert up.left() == []


def test_given_servers_are_used_and_none_is_started(up: Up) -> None:
    up.start(
        "beat: echo $DATABASE_URL $BROKER_URL; sleep 60\n",
        DATABASE_URL="postgresql://a@127.0.0.1:9/b",
        BROKER_URL="amqp://c@127.0.0.1:9/d",
    ).ready()

    eventually(lambda: "127.0.0.1:9/b amqp://c@" in up.output)
    assert "PostgreSQL is starting" not in up.output
    assert not (up.state / "postgres").exists()
    assert json.loads((up.state / "secrets.json").read_text())


def test_beside_the_sandbox_runs_all_but_a_paddle(up: Up) -> None:
    up.start(
        "release: python -m worker.cli.main release\n"
        "web: python -m web_hook\n"
        "paddle: echo of our own; sleep 60\n",
        PADDLE_ENVIRONMENT="sandbox",
        PADDLE_API_KEY="pdl_sdbx_apikey_of_nobody",
        PADDLE_WEBHOOK_SECRETS="pdl_ntfset_of_nobody",
    ).ready()

    assert "connect --environment sandbox" in up.output
    assert "of our own" not in up.output
    # Apart from the local one's, which is stamped with another environment.
    kept = dotenv_values(up.state / "sandbox" / "env")
    with psycopg.connect(str(kept["DATABASE_URL"])) as connection:
        stamp = connection.execute("SELECT environment FROM deployment").fetchone()
    assert stamp == ("sandbox",)
