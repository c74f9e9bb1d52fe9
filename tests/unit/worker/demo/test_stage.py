"""What stands around the day: every way out is as the verdict expects it."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest

from worker.alerts.ways import ways_of
from worker.demo.alert_verdict import OPEN_WAY
from worker.demo.stage import ALERTS_FILE, staged
from worker.processes.interrupt import StopRequest
from worker.processes.procfile import lines_of
from worker.processes.stack import Wanted
from worker.settings import ROOT, Settings


@pytest.fixture
def wanted(tmp_path: Path) -> Wanted:
    return staged(tmp_path, io.StringIO(), StopRequest())


def test_the_second_way_out_leads_to_the_sink_and_the_first_nowhere(
    wanted: Wanted, make_settings: Callable[..., Settings]
) -> None:
    given = {name.lower(): value for name, value in wanted.overrides.items()}
    first, second = ways_of(make_settings(**given))
    sink = {line.name: line.command for line in lines_of(wanted.procfile)}["alerts"]
    port = second.url.get_secret_value().removeprefix("json://127.0.0.1:").split("/")[0]
    assert f"--port {port} " in sink
    assert f"$STATE_DIR/{ALERTS_FILE}" in sink
    assert second.label == OPEN_WAY
    assert first.url.get_secret_value() == "json://127.0.0.1:9/alerts"


def test_everything_of_make_up_runs_and_two_more(wanted: Wanted) -> None:
    usual = [line.name for line in lines_of(ROOT / "Procfile.dev")]
    names = [line.name for line in lines_of(wanted.procfile)]
    assert names == [*usual, "platform", "alerts"]
