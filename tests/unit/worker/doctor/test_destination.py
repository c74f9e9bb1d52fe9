"""What production takes, judged by what Paddle tells of our destination."""

from collections.abc import Callable

import pytest

from worker.doctor.destination import CHECKS
from worker.doctor.scene import Scene
from worker.providers.paddle.connection import Setting
from worker.settings import Settings

SECRET = "pdl_ntfset_c4n4ry"
(TRAFFIC,) = [check for check in CHECKS if check.name == "traffic"]


@pytest.mark.parametrize(
    ("environment", "source", "severity", "expected"),
    [
        ("production", "platform", "ok", "platform traffic"),
        ("production", "all", "look", "gets simulations too, which production"),
        ("production", "simulation", "broken", "gets simulations only"),
        ("sandbox", "all", "ok", "all traffic"),
        ("sandbox", "platform", "ok", "platform traffic"),
    ],
)
def test_production_takes_no_simulations(
    make_settings: Callable[..., Settings],
    environment: str,
    source: str,
    severity: str,
    expected: str,
) -> None:
    mark = {"production": "live", "sandbox": "sdbx"}[environment]
    config = make_settings(
        paddle_environment=environment,
        paddle_api_key=f"pdl_{mark}_apikey_of_a_test",
        paddle_webhook_secrets=SECRET,
    )
    scene = Scene(config)
    there = "https://shop.example.com/webhooks/paddle"
    setting = Setting("ntfset_1", there, True, source, [], SECRET)  # noqa: FBT003
    scene.once("destinations", lambda: [setting])

    (told,) = TRAFFIC.look(scene)

    assert told.severity == severity
    assert expected in told.words
    line = f"./paddlewheel connect --environment {environment}"
    known = f"{line} --url https://shop.example.com"
    assert told.command == ("" if severity == "ok" else known)
