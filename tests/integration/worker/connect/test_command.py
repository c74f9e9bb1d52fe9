"""The command, as a person or a program runs it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from tests.factories import one
from tests.integration.worker.connect.conftest import API_KEY, Scene
from worker.cli.main import app
from worker.connect.env_file import write
from worker.connect.errors import ConnectError
from worker.setting_files import values_in
from worker.settings import Settings, environ, settings

LOCAL = {"PADDLE_ENVIRONMENT": "local"}


@pytest.fixture
def other_deployment(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """Settings of a sandbox in ``.env``; return a file with those of ``local``."""
    names = {name.upper() for name in Settings.model_fields} & set(environ())
    known = {name: environ()[name] for name in names} | {
        "PADDLE_ENVIRONMENT": "sandbox"
    }
    here = {name: known.pop(name) for name in ("PADDLE_API_URL", "PADDLE_API_KEY")}
    for name in names:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ENV_DIR", str(tmp_path))
    write(tmp_path / ".env", known)
    settings.cache_clear()
    assert settings().paddle_environment == "sandbox"
    file = tmp_path / "env.local"
    write(file, here | LOCAL)
    yield file
    settings.cache_clear()


def test_the_command_connects_with_nothing_but_the_key(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("connect", "--environment", "local", "--url", scene.inbox.url)
    file = tmp_path / "env.local"
    monkeypatch.delenv("PADDLE_WEBHOOK_SECRETS")

    first = CliRunner().invoke(app, (*words, "--env-file", str(file), "--json"))
    secret = scene.destinations()[0]["endpoint_secret_key"]
    scene.inbox.secrets = [secret]
    again = CliRunner().invoke(app, (*words, "--env-file", str(file), "--json"))

    assert isinstance(first.exception, ConnectError)
    stopped = json.loads(first.stdout)
    assert [one["ok"] for one in stopped] == [True] * (len(stopped) - 1) + [False]
    assert stopped[-1]["step"] == "simulation"
    assert "it does not know the secret yet" in stopped[-1]["words"]
    assert again.exception is None
    assert json.loads(again.stdout)[-1]["words"].endswith("works")
    assert secret in file.read_text()
    assert API_KEY not in first.output + again.output


def test_what_it_asks_counts_among_what_workers_may_ask(scene: Scene) -> None:
    with scene.engine.begin() as connection:
        connection.execute(
            text("""INSERT INTO provider_budgets
            (provider, tokens, filled_at, paused_until)
            VALUES ('paddle', 100, now(), now() + interval '1 h')""")
        )
    words = ("connect", "--environment", "local", "--url", scene.inbox.url)

    told = CliRunner().invoke(app, (*words, "--json"))

    (stopped,) = json.loads(told.stdout)
    assert stopped["step"] == "permissions"
    assert "is not asked now: it wants to be left alone" in stopped["words"]
    assert scene.destinations() == []


def test_a_catalog_never_goes_into_the_database_of_another_environment(
    scene: Scene, other_deployment: Path
) -> None:
    words = ("connect", "--environment", "local", "--url", scene.inbox.url)

    told = CliRunner().invoke(app, (*words, "--env-file", str(other_deployment)))

    assert "catalog: " in told.stdout
    assert isinstance(told.exception, ConnectError)
    assert told.exception.step == "simulation"
    assert one(scene.engine, "SELECT count(*) FROM inbox") == 0


def test_the_database_of_the_named_file_is_used(
    scene: Scene, other_deployment: Path
) -> None:
    write(other_deployment, values_in(other_deployment.parent / ".env") | LOCAL)
    words = ("connect", "--environment", "local", "--url", scene.inbox.url)
    named = ("--env-file", str(other_deployment), "--json")
    CliRunner().invoke(app, (*words, *named))
    scene.inbox.secrets = [scene.destinations()[0]["endpoint_secret_key"]]

    told = CliRunner().invoke(app, (*words, *named))

    assert json.loads(told.stdout)[-1]["words"].endswith("works")
    arrived = "SELECT count(*) FROM inbox WHERE event_type = 'report.created'"
    assert one(scene.engine, arrived) == 1


def test_a_setting_that_is_missing_is_told_to_programs_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("PADDLE_API_KEY", raising=False)
    words = ("connect", "--environment", "sandbox", "--url", "https://a.example")

    told = CliRunner().invoke(app, (*words, "--json"))

    (stopped,) = json.loads(told.stdout)
    assert (stopped["step"], stopped["ok"]) == ("settings", False)
    assert "PADDLE_API_KEY is not set" in stopped["words"]


def test_an_exported_secret_that_hides_the_files_is_named(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "env.local"
    write(file, {"PADDLE_WEBHOOK_SECRETS": "newer,older"})
    words = ("connect", "--environment", "local", "--url", scene.inbox.url)
    named = ("--env-file", str(file), "--json")

    monkeypatch.setenv("PADDLE_WEBHOOK_SECRETS", "older")
    (stopped,) = json.loads(CliRunner().invoke(app, (*words, *named)).stdout)
    monkeypatch.setenv("PADDLE_WEBHOOK_SECRETS", "newer, older")
    again = json.loads(CliRunner().invoke(app, (*words, *named)).stdout)

    assert (stopped["step"], stopped["ok"]) == ("secret", False)
    assert "unset PADDLE_WEBHOOK_SECRETS" in stopped["words"]
    assert "older" not in stopped["words"]
    assert again[-1]["step"] == "simulation"


@pytest.mark.parametrize("wait", ["-1", "inf", "nan"])
def test_a_wait_that_has_no_end_is_no_option(wait: str, scene: Scene) -> None:
    words = ("connect", "--environment", "local", "--url", scene.inbox.url)

    told = CliRunner().invoke(app, (*words, "--wait", wait))

    assert told.exit_code == 64
    assert scene.destinations() == []


def test_only_a_secret_is_wider_than_the_screen(scene: Scene) -> None:
    words = ("connect", "--environment", "local", "--url", scene.inbox.url)

    told = CliRunner().invoke(app, words).stdout

    secret = scene.destinations()[0]["endpoint_secret_key"]
    wide = [line for line in told.splitlines() if len(line) > 80]
    assert [line for line in wide if secret not in line] == []
    assert any(line.endswith(secret) for line in told.splitlines())
    assert told.count("by hand: ") == 3
