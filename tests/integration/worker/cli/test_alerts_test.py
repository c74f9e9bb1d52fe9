"""``paddlewheel alerts test`` over ways that work, that do not, and without any."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from models.alerts import Severity
from tests.fixtures.platform import Platform, reply
from worker.cli import alerts_test
from worker.processes.ports import free_port
from worker.settings import Settings

#: Stands where tokens stand in addresses.
CANARY = "xoxb4711canary"
Configured = Callable[..., Settings]


def run(*arguments: str) -> Any:
    app = typer.Typer()
    app.command()(alerts_test.test)
    return CliRunner().invoke(app, arguments)


def ways(service: Platform) -> str:
    here = f"json://127.0.0.1:{service.port}/{CANARY}"
    away = f"json://127.0.0.1:{free_port()}/{CANARY}"
    return f"{here},critical={here},{away},nosuch://{CANARY}"


def test_each_way_is_tried_by_itself(
    configured: Configured, platform: Platform
) -> None:
    configured(alert_urls=ways(platform))
    result = run("--json", "--severity", "critical")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert [(one["way"], one["alerts_from"], one["result"]) for one in found] == [
        ("1 (json)", "info", "taken"),
        ("2 (json)", "critical", "taken"),
        ("3 (json)", "info", "no answer: ConnectionError"),
        ("4 (nosuch)", "info", "apprise cannot read it"),
    ]
    posted = [json.loads(hook.body) for hook in platform.hooks]
    assert [one["type"] for one in posted] == ["failure"] * 2
    assert posted[0]["title"] == "[local] TEST: this way works"


def test_the_table_fits_a_terminal_and_shows_no_address(
    configured: Configured, platform: Platform
) -> None:
    configured(alert_urls=ways(platform))
    result = run()
    assert result.exit_code == 1
    assert "3 (json)" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert CANARY not in result.output


def test_all_ways_taken_is_a_good_end(
    configured: Configured, platform: Platform
) -> None:
    configured(alert_urls=f"json://127.0.0.1:{platform.port}/{CANARY}")
    assert run().exit_code == 0
    platform.answer = lambda request: reply(request, 403)
    refused = run()
    assert refused.exit_code == 1
    assert "answered 403" in refused.stdout


@pytest.mark.parametrize(("ways", "seconds"), [(1, 12), (2, 9), (3, 9)])
def test_a_way_gets_no_more_time_than_an_alert_would_give_it(
    configured: Configured, ways: int, seconds: float
) -> None:
    config = configured(soft_limit_seconds=15)
    assert alerts_test.patience(config, ways) == pytest.approx(seconds, abs=0.5)


@pytest.mark.parametrize(
    ("option", "said"), [((), alerts_test.NO_WAYS), (("--json",), "[]")]
)
def test_without_ways_it_says_so(
    configured: Configured, option: tuple[str, ...], said: str
) -> None:
    configured()
    result = run(*option, "--severity", Severity.INFO.value)
    assert (result.exit_code, result.stdout.strip()) == (0, said)
