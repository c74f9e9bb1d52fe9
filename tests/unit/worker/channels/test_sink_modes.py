"""What the sinks keep holds names and addresses: nobody else may read it."""

from pathlib import Path

from models.outgoing import DeliveryKind
from worker.channels.mail_sink import MailSink
from worker.channels.platform_sink import Beliefs
from worker.channels.sink_faults import Faults


def test_kept_mails_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "mail"
    folder.mkdir(mode=0o755)

    MailSink(folder, Faults())

    assert folder.stat().st_mode & 0o777 == 0o700


def test_what_the_platform_believes_is_readable_by_its_owner_only(
    tmp_path: Path,
) -> None:
    file = tmp_path / "state" / "platform.jsonl"

    assert Beliefs(file).of(DeliveryKind.ENROLLMENT) == []

    assert file.stat().st_mode & 0o777 == 0o600
