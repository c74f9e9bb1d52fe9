"""A secret is put where the receiver finds it, and none is lost on the way."""

import os
from unittest.mock import patch

import pytest

from tests.integration.worker.connect.conftest import Scene, begin
from worker.connect import secrets as kept_secrets
from worker.connect.env_file import write
from worker.connect.errors import ConnectError
from worker.setting_files import values_in


def elsewhere(name: str) -> dict[str, object]:
    """Return what a destination of somebody else is made of."""
    return {
        "description": name,
        "type": "url",
        "destination": f"https://{name}.example/webhooks",
        "subscribed_events": ["address.created"],
    }


def test_the_secret_is_written_for_its_owner_alone_and_the_rest_stays(
    scene: Scene,
) -> None:
    scene.env_file.write_text("# ours\nMAIL_FROM=a@example.com")
    scene.env_file.chmod(0o644)

    begin(scene)

    secret = scene.destinations()[0]["endpoint_secret_key"]
    assert scene.env_file.stat().st_mode & 0o777 == 0o600
    assert scene.env_file.read_text() == (
        "# ours\nMAIL_FROM=a@example.com\nPADDLE_ENVIRONMENT=local\n"
        f"PADDLE_WEBHOOK_SECRETS={secret}\n"
    )


def test_without_a_file_the_secret_is_told_until_it_is_set(scene: Scene) -> None:
    begin(scene)
    secret = scene.destinations()[0]["endpoint_secret_key"]
    plan = scene.plan(env_file=None)

    told = kept_secrets.keep(plan, secret, {secret})
    assert told == f"set PADDLE_WEBHOOK_SECRETS={secret}"
    known = scene.plan(env_file=None, secrets=(secret,))
    assert secret not in kept_secrets.keep(known, secret, {secret})


def test_no_secret_of_a_destination_is_lost_to_a_new_one(scene: Scene) -> None:
    gone = f"pdl_ntfset_{'a' * 26}_of_nobody"
    with scene.api() as api:
        others = [api.add_setting(elsewhere(name)) for name in ("one", "two")]
    theirs = [one.endpoint_secret_key for one in others]
    scene.given["PADDLE_WEBHOOK_SECRETS"] = ",".join([*theirs, gone])

    begin(scene)

    ours = scene.destinations()[-1]["endpoint_secret_key"]
    kept = values_in(scene.env_file)["PADDLE_WEBHOOK_SECRETS"].split(",")
    assert kept == [ours, *theirs]


def test_a_secret_that_is_left_out_is_named_and_not_told(scene: Scene) -> None:
    gone = f"pdl_ntfset_{'a' * 26}_of_nobody"
    plan = scene.plan(secrets=("kept", gone, "another"))

    told = kept_secrets.keep(plan, "new", {"new", "kept"})

    assert f"no destination has them: pdl_ntfset_{'a' * 26}…, anot…" in told
    assert "of_nobody" not in told
    assert "another" not in told


def test_a_secret_that_is_there_moves_no_other(scene: Scene) -> None:
    plan = scene.plan(secrets=("newer", "older"))
    scene.env_file.write_text(
        "PADDLE_ENVIRONMENT=local\nPADDLE_WEBHOOK_SECRETS=newer,older\n"
    )
    scene.env_file.chmod(0o644)

    assert kept_secrets.keep(plan, "older", {"older"}) == "env has it"

    assert scene.env_file.stat().st_mode & 0o777 == 0o600
    assert values_in(scene.env_file)["PADDLE_WEBHOOK_SECRETS"] == "newer,older"


@pytest.mark.parametrize(
    "told", [{}, {"endpoint_secret_key": ""}], ids=["out", "empty"]
)
def test_an_answer_without_a_secret_takes_none_away(
    scene: Scene, told: dict[str, str]
) -> None:
    begin(scene)
    scene.restart_receiver()
    before = scene.env_file.read_text()
    (made,) = scene.destinations()
    del made["endpoint_secret_key"]
    scene.paddle.store.put("notification_setting", {**made, **told})

    with pytest.raises(ConnectError, match="something else than Paddle's JSON"):
        scene.connect()

    assert scene.env_file.read_text() == before


def test_no_secret_is_never_written(scene: Scene) -> None:
    plan = scene.plan(secrets=("known",))

    with pytest.raises(ConnectError, match="does not tell the secret"):
        kept_secrets.keep(plan, "", {""})

    assert not scene.env_file.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root writes into others' files")
def test_a_file_that_root_writes_still_belongs_to_the_service(scene: Scene) -> None:
    scene.env_file.write_text("MAIL_FROM=a@example.com\n")
    os.chown(scene.env_file, 1234, 2345)

    begin(scene)

    found = scene.env_file.stat()
    assert (found.st_uid, found.st_gid) == (1234, 2345)
    assert found.st_mode & 0o777 == 0o600
    assert "PADDLE_WEBHOOK_SECRETS" in scene.env_file.read_text()


def test_a_file_that_could_not_be_given_back_is_not_changed(scene: Scene) -> None:
    scene.env_file.write_text("MAIL_FROM=a@example.com\n")

    with (
        patch("os.fchown", side_effect=PermissionError),
        pytest.raises(ConnectError, match="could not be given back") as raised,
    ):
        scene.connect()

    assert raised.value.step == "secret"
    assert scene.env_file.read_text() == "MAIL_FROM=a@example.com\n"
    assert [one.name for one in scene.env_file.parent.glob("env*")] == ["env"]


def test_a_value_that_is_exported_stays_exported(scene: Scene) -> None:
    scene.env_file.write_text("export MAIL_FROM=a@b.example\n  export OTHER = old\n")

    assert write(scene.env_file, {"MAIL_FROM": "c@b.example", "OTHER": "new"})

    assert scene.env_file.read_text() == (
        "export MAIL_FROM=c@b.example\n  export OTHER=new\n"
    )
