"""The settings of a stack on this machine: given, made, remembered, refused."""

import socket
import stat
from pathlib import Path

import pytest
from dotenv import dotenv_values

from worker.errors import SettingsError
from worker.processes.errors import NotLocalError, PortTakenError
from worker.processes.local import (
    given_values,
    local_values,
    refuse_taken_ports,
    write_env,
)

NO_FILE = Path("/nonexistent/.env")


def test_secrets_are_made_once_and_kept_private(tmp_path: Path) -> None:
    first = local_values({}, tmp_path)
    second = local_values({}, tmp_path)

    secrets = ("PADDLE_WEBHOOK_SECRETS", "PADDLE_API_KEY", "FLOWER_BASIC_AUTH")
    assert all(first[name] and first[name] == second[name] for name in secrets)
    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600


def test_a_secret_that_is_new_is_made_beside_the_old_ones(tmp_path: Path) -> None:
    (tmp_path / "secrets.json").write_text('{"PADDLE_API_KEY": "old"}')

    first = local_values({}, tmp_path)

    assert first["PADDLE_API_KEY"] == "old"
    assert first["LEARNER_SECRETS"] == local_values({}, tmp_path)["LEARNER_SECRETS"]


def test_what_is_given_wins_over_what_is_made(tmp_path: Path) -> None:
    values = local_values({"WEB_PORT": "1234", "PADDLE_API_KEY": "mine"}, tmp_path)

    assert (values["WEB_PORT"], values["PADDLE_API_KEY"]) == ("1234", "mine")


def test_the_environment_file_yields_to_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("WEB_PORT=1\nFLOWER_PORT=2\nOTHER=3\n")
    monkeypatch.setenv("WEB_PORT", "4")

    given = given_values({}, tmp_path / ".env")

    assert given["WEB_PORT"] == "4"
    assert given["FLOWER_PORT"] == "2"
    assert "OTHER" not in given


def test_settings_for_production_are_refused() -> None:
    with pytest.raises(NotLocalError, match="PADDLE_ENVIRONMENT is production"):
        given_values({"PADDLE_ENVIRONMENT": "production"}, NO_FILE)


def test_what_belongs_to_an_account_is_never_made(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        given_values({"PADDLE_ENVIRONMENT": "sandbox"}, NO_FILE)

    assert "PADDLE_API_KEY is not set: make a key" in str(refused.value)
    assert "`./paddlewheel connect` makes one" in str(refused.value)
    made = local_values({"PADDLE_ENVIRONMENT": "sandbox"}, tmp_path)
    assert made.keys().isdisjoint(
        {"PADDLE_API_KEY", "PADDLE_WEBHOOK_SECRETS", "PADDLE_API_URL"}
    )
    assert made["LEARNER_SECRETS"]


def test_a_misspelt_name_is_refused_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PADDLE_API_KEYS", "x")

    with pytest.raises(SettingsError, match="Did you mean PADDLE_API_KEY"):
        given_values({}, NO_FILE)


def test_a_taken_port_is_named_with_its_holder_and_the_setting(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        values = local_values({"WEB_PORT": str(port)}, tmp_path, free_ports=True)

        with pytest.raises(PortTakenError) as refused:
            refuse_taken_ports(values)

    assert f"Port {port}" in str(refused.value)
    assert ", process " in str(refused.value)
    assert "set WEB_PORT" in str(refused.value)


def test_written_settings_are_read_back_unchanged(tmp_path: Path) -> None:
    values = {"A": 'it\'s \\ a $HOME "thing" #1', "B": "/a path/with blanks"}

    write_env(tmp_path / "env", values)

    assert dotenv_values(tmp_path / "env", interpolate=False) == values
    assert stat.S_IMODE((tmp_path / "env").stat().st_mode) == 0o600
