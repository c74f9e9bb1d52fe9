"""A secret is put where the receiver finds it, and none is lost on the way."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest.mock import patch

import pytest

from tests.integration.worker.connect.conftest import Scene, begin
from worker.connect import secrets as kept_secrets
from worker.connect.env_file import write
from worker.connect.errors import ConnectError
from worker.errors import PaddlewheelError
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

    told = kept_secrets.keep(plan, secret)
    assert told.words == f"set PADDLE_WEBHOOK_SECRETS={secret}"
    known = scene.plan(env_file=None, secrets=(secret,))
    assert secret not in kept_secrets.keep(known, secret).words


def test_secrets_that_are_set_are_not_told_again(scene: Scene) -> None:
    plan = scene.plan(env_file=None, secrets=("known", "older"))

    told = kept_secrets.keep(plan, "new").words

    assert told.endswith("\nnew")
    assert "PADDLE_WEBHOOK_SECRETS" in told
    assert "known" not in told
    assert "older" not in told


def test_no_secret_is_lost_to_a_new_one(scene: Scene) -> None:
    gone = f"pdl_ntfset_{'a' * 26}_of_nobody"
    with scene.api() as api:
        others = [api.add_setting(elsewhere(name)) for name in ("one", "two")]
    theirs = [one.endpoint_secret_key for one in others]
    scene.given["PADDLE_WEBHOOK_SECRETS"] = ",".join([*theirs, gone])

    begin(scene)

    ours = scene.destinations()[-1]["endpoint_secret_key"]
    kept = values_in(scene.env_file)["PADDLE_WEBHOOK_SECRETS"].split(",")
    assert kept == [ours, *theirs, gone]


def test_what_another_wrote_meanwhile_is_not_written_over(scene: Scene) -> None:
    scene.env_file.write_text("PADDLE_WEBHOOK_SECRETS=a\n")
    early = scene.plan(secrets=("a",))
    kept_secrets.keep(early, "b")

    kept_secrets.keep(early, "a")
    assert values_in(scene.env_file)["PADDLE_WEBHOOK_SECRETS"] == "b,a"
    kept_secrets.keep(early, "c")
    assert values_in(scene.env_file)["PADDLE_WEBHOOK_SECRETS"] == "c,b,a"


def test_two_who_write_at_once_lose_nothing(scene: Scene) -> None:
    plan, names = scene.plan(), [f"secret{number}" for number in range(20)]
    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(lambda name: kept_secrets.keep(plan, name), names))

    kept = values_in(scene.env_file)["PADDLE_WEBHOOK_SECRETS"].split(",")
    assert sorted(kept) == sorted(names)


def test_a_secret_that_is_there_moves_no_other(scene: Scene) -> None:
    plan = scene.plan(secrets=("newer", "older"))
    scene.env_file.write_text(
        "PADDLE_ENVIRONMENT=local\nPADDLE_WEBHOOK_SECRETS=newer,older\n"
    )
    scene.env_file.chmod(0o644)

    assert kept_secrets.keep(plan, "older").words == "env has it"

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
        kept_secrets.keep(plan, "")

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
    assert scene.destinations() == []
    assert scene.env_file.read_text() == "MAIL_FROM=a@example.com\n"
    assert [one.name for one in scene.env_file.parent.glob("env*")] == ["env"]


def test_a_value_that_is_exported_stays_exported(scene: Scene) -> None:
    scene.env_file.write_text("export MAIL_FROM=a@b.example\n  export OTHER = old\n")

    assert write(scene.env_file, {"MAIL_FROM": "c@b.example", "OTHER": "new"})

    assert scene.env_file.read_text() == (
        "export MAIL_FROM=c@b.example\n  export OTHER=new\n"
    )


@pytest.mark.parametrize("rotates", [False, True], ids=["connect", "rotate"])
@pytest.mark.parametrize(
    ("place", "words"),
    [("nowhere/env", "No such file"), (".", "Is a directory")],
    ids=["no folder", "a folder"],
)
def test_a_file_that_cannot_be_written_is_told_before_anything_is_changed(
    place: str, words: str, scene: Scene, tmp_path: Path, *, rotates: bool
) -> None:
    if rotates:
        begin(scene)
    before = scene.destinations()
    scene.env_file = tmp_path / place

    with pytest.raises(ConnectError, match=words) as raised:
        scene.rotate() if rotates else scene.connect()

    assert raised.value.step == "secret"
    assert scene.destinations() == before


@pytest.mark.parametrize(
    "text",
    [
        'NOTE="one\nPADDLE_WEBHOOK_SECRETS=of the note\nthree"\n',
        'PADDLE_WEBHOOK_SECRETS="a,\nb"\n',
    ],
    ids=["inside another", "its own"],
)
def test_a_value_over_several_lines_is_left_alone(text: str, scene: Scene) -> None:
    scene.env_file.write_text(text)

    with pytest.raises(ConnectError, match="a value of several lines"):
        scene.connect()

    assert scene.env_file.read_text() == text
    assert scene.destinations() == []
    with pytest.raises(PaddlewheelError, match="a value of several lines"):
        write(scene.env_file, {"PADDLE_WEBHOOK_SECRETS": "new"})
    assert [one.name for one in scene.env_file.parent.glob("env*")] == ["env"]


def test_line_ends_stay_as_they_are(scene: Scene) -> None:
    scene.env_file.write_bytes(b"A=1\r\nPADDLE_WEBHOOK_SECRETS=old\r\nB=2\r\n")

    assert write(scene.env_file, {"PADDLE_WEBHOOK_SECRETS": "new", "C": "3"})

    assert scene.env_file.read_bytes() == (
        b"A=1\r\nPADDLE_WEBHOOK_SECRETS=new\r\nB=2\r\nC=3\r\n"
    )
