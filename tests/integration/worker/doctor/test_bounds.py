"""Whatever hangs, the doctor says all that it has to; and it takes little itself."""

import threading
from contextlib import closing

import pytest
from sqlalchemy import event

from tests.fixtures.platform import SECRET as HOOK_SECRET
from tests.integration.worker.doctor.conftest import Ask, Configure, Deployment
from worker.doctor.examine import examine
from worker.doctor.scene import CONNECTIONS, Scene
from worker.doctor.table import CHECKS
from worker.settings import settings

#: Who says so where somebody takes a connection and never answers.
SILENT = {
    "broker": "The broker does not answer",
    "flower": "Flower does not answer",
    "platform hook": "The platform's hook does not answer",
    "mail server": "The mail server gives no answer at the greeting",
}


@pytest.mark.parametrize("broker", ["redis://{}/0", "amqp://guest:guest@{}//"])
def test_what_never_answers_all_at_once_is_named_and_holds_up_nobody_else(
    ask: Ask, deployment: Deployment, black_hole: int, broker: str
) -> None:
    there = f"127.0.0.1:{black_hole}"
    deployment.settings(
        broker_url=broker.format(there),
        smtp_url=f"smtp://{there}",
        platform_hook_url=f"http://{there}/hook",
        platform_hook_secret=HOOK_SECRET,
        flower_basic_auth="operator:word",
        flower_port=black_hole,
    )

    told = ask()

    assert list(told.checks) == [check.name for check in CHECKS]
    assert {name: told.words(name)[: len(SILENT[name])] for name in SILENT} == SILENT
    unheard = [name for name in told.checks if "no answer within" in told.words(name)]
    assert unheard == []
    assert told.severity("permissions") == told.severity("migrations") == "ok"


def test_a_broker_that_takes_connections_and_is_silent_is_given_up_in_time(
    ask: Ask, configured: Configure, black_hole: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # RabbitMQ's client waits anew at each step.
    configured(broker_url=f"amqp://guest:guest@127.0.0.1:{black_hole}//")
    monkeypatch.setattr("worker.doctor.broker.CALL_SECONDS", 0.2)

    told = ask("broker")

    assert told.exit_code == 2
    assert told.words("broker") == "The broker does not answer (TimeoutError)."


@pytest.mark.usefixtures("deployment")
def test_it_opens_few_connections_at_once_whatever_it_asks() -> None:
    scene = Scene(settings())
    lock, crowded = threading.Lock(), threading.Event()
    open_now: set[object] = set()

    def opened(connection: object, *_: object) -> None:
        with lock:
            open_now.add(connection)
        if len(open_now) > CONNECTIONS:
            crowded.set()
        # So long as somebody else may come.
        crowded.wait(0.05)

    def closed(connection: object, *_: object) -> None:
        with lock:
            open_now.discard(connection)

    event.listen(scene.engine, "checkout", opened)
    event.listen(scene.engine, "checkin", closed)

    with closing(scene):
        told = {one.check: one.severity for one in examine(CHECKS, scene)}

    assert told["permissions"] == "ok"
    assert not crowded.is_set()
