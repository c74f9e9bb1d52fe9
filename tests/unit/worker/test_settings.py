"""Settings: each failure a sentence, a wrong name never passed over."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fixtures.configuration import DEFAULTS
from worker.errors import SettingsError
from worker.settings import Settings, load

NEEDED = [name.upper() for name in DEFAULTS]


@pytest.fixture
def complete(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in DEFAULTS.items():
        monkeypatch.setenv(name.upper(), value)
    return monkeypatch


def problems(folder: Path) -> list[str]:
    with pytest.raises(SettingsError) as raised:
        load(folder)
    return str(raised.value).splitlines()


def test_what_is_needed_is_enough(complete: object, tmp_path: Path) -> None:
    assert load(tmp_path).paddle_environment == "local"


@pytest.mark.parametrize("name", NEEDED)
def test_each_needed_setting_is_missed_by_name(
    complete: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    complete.delenv(name)

    (sentence,) = problems(tmp_path)

    assert sentence.startswith(f"{name} is not set: ")


def test_all_that_is_missing_is_told_at_once(tmp_path: Path) -> None:
    assert len(problems(tmp_path)) == len(NEEDED)


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("PADDLE_WEBHOOK_SECRET", "PADDLE_WEBHOOK_SECRETS"),
        ("PADDLE_ENV", "PADDLE_ENVIRONMENT"),
        ("PADDLE_BILING_ENABLED", "PADDLE_BILLING_ENABLED"),
        ("PADDLE_KEY", "PADDLE_API_KEY"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest_right_one(
    complete: pytest.MonkeyPatch, tmp_path: Path, wrong: str, right: str
) -> None:
    complete.setenv(wrong, "1")

    assert problems(tmp_path) == [f"{wrong} is not a setting. Did you mean {right}?"]


def test_an_unknown_name_in_the_file_is_refused_too(
    complete: object, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("PADDLE_TOLERANCE=5\n")

    (sentence,) = problems(tmp_path)

    assert sentence.endswith("Did you mean PADDLE_TOLERANCE_SECONDS?")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PADDLE_ENVIRONMENT", "prod"),
        ("PADDLE_TOLERANCE_SECONDS", "4"),
        ("WEB_PORT", "70000"),
        ("BATCH_ROWS", "0"),
        ("CRASH_LIMIT", "many"),
        ("ACCESS_FROM", "billed"),
        ("LOG_FORMAT", "xml"),
    ],
)
def test_a_value_out_of_bounds_is_one_sentence_that_names_it(
    complete: pytest.MonkeyPatch, tmp_path: Path, name: str, value: str
) -> None:
    complete.setenv(name, value)

    (sentence,) = problems(tmp_path)

    assert sentence.startswith(f"{name} is wrong: ")


def test_the_key_of_the_sandbox_tests_is_no_unknown_name(
    complete: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    complete.setenv("PADDLE_SANDBOX_API_KEY", "pdl_sdbx_apikey")

    assert load(tmp_path).paddle_api_key is None


def test_the_environment_goes_before_the_file(
    complete: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("WEB_PORT=1111\nFLOWER_PORT=2222\n")
    complete.setenv("WEB_PORT", "3333")

    found = load(tmp_path)

    assert (found.web_port, found.flower_port) == (3333, 2222)


def test_what_up_wrote_never_counts_for_another_environment(
    complete: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".paddlewheel").mkdir()
    written = tmp_path / ".paddlewheel" / "env"
    written.write_text("PADDLE_ENVIRONMENT=local\nWEB_PORT=4444\n")
    for named in ("sandbox", "production"):
        complete.setenv("PADDLE_ENVIRONMENT", named)
        assert load(tmp_path).web_port == 8080
    complete.setenv("PADDLE_ENVIRONMENT", "local")
    assert load(tmp_path).web_port == 4444
    complete.delenv("PADDLE_ENVIRONMENT")
    assert load(tmp_path).web_port == 4444
    (tmp_path / ".paddlewheel" / "sandbox").mkdir()
    (tmp_path / ".paddlewheel" / "sandbox" / "env").write_text("WEB_PORT=5555\n")
    assert load(tmp_path).web_port == 4444
    (tmp_path / ".env").write_text("PADDLE_ENVIRONMENT=sandbox\n")
    assert load(tmp_path).web_port == 5555


def test_a_file_that_is_no_text_is_told_by_name(
    complete: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_bytes(b"MAIL_FROM=M\xfcller")

    with pytest.raises(SettingsError, match=r"\.env is not in UTF-8"):
        load(tmp_path)


def test_no_secret_is_shown(make_settings: Callable[..., Settings]) -> None:
    secrets = {
        "paddle_api_key": "s3cr3t",
        "paddle_webhook_secrets": "s3cr3t",
        "database_url": "postgresql://me:s3cr3t@host/name",
        "broker_url": "redis://:s3cr3t@host",
        "smtp_url": "smtp://me:s3cr3t@host",
        "flower_basic_auth": "me:s3cr3t",
        "learner_secrets": f"s3cr3t{'x' * 32}",
    }

    assert "s3cr3t" not in repr(make_settings(**secrets))
