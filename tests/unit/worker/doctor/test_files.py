"""The doctor names what is wrong with alert addresses and this machine's disk."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from worker.doctor.files import CHECKS
from worker.doctor.scene import Scene
from worker.settings import Settings

MakeSettings = Callable[..., Settings]
BY_NAME = {check.name: check for check in CHECKS}


@pytest.mark.parametrize(
    ("free", "severity", "expected"),
    [
        (199 * 1024**2, "broken", "Only 0.2 GiB free where STATE_DIR is."),
        (1024**3, "look", "Only 1.0 GiB free where STATE_DIR is."),
        (3 * 1024**3, "ok", "3.0 GiB free where STATE_DIR is; a server elsewhere"),
    ],
    ids=["none", "little", "enough"],
)
def test_a_disk_that_fills_up_is_told(
    make_settings: MakeSettings,
    monkeypatch: pytest.MonkeyPatch,
    free: int,
    severity: str,
    expected: str,
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=free))

    (told,) = BY_NAME["disk"].look(Scene(make_settings()))

    assert told.severity == severity
    assert told.words.startswith(expected)


@pytest.mark.parametrize(
    ("environment", "urls", "severity", "expected"),
    [
        ("local", "", "skipped", "ALERT_URLS is empty: under local"),
        ("sandbox", "", "look", "ALERT_URLS is empty: of what breaks"),
        (
            "sandbox",
            "nobody://there",
            "broken",
            "ALERT_URLS: apprise cannot read number 1",
        ),
        ("sandbox", "json://127.0.0.1/a", "ok", "1 address can be read"),
    ],
    ids=["local", "none", "unknown", "one"],
)
def test_that_nobody_would_be_told_at_night_is_told(
    make_settings: MakeSettings,
    environment: str,
    urls: str,
    severity: str,
    expected: str,
) -> None:
    config = make_settings(paddle_environment=environment, alert_urls=urls)

    (told,) = BY_NAME["alert addresses"].look(Scene(config))

    assert told.severity == severity
    assert told.words.startswith(expected)
