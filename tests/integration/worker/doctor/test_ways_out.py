"""The doctor names what is wrong with the platform's hook and the mail server."""

import pytest

from tests.fixtures.mail_server import HANG, MailServer
from tests.fixtures.platform import SECRET as HOOK_SECRET
from tests.fixtures.platform import Platform
from tests.integration.worker.doctor.conftest import Ask, Configure


def test_a_hook_that_answers_is_well_and_was_told_nothing(
    ask: Ask, configured: Configure, platform: Platform
) -> None:
    configured(platform_hook_url=platform.url, platform_hook_secret=HOOK_SECRET)

    told = ask("platform hook")

    assert told.exit_code == 0
    assert told.severity("platform hook") == "ok"
    assert platform.hooks == []


@pytest.mark.parametrize("where", ["nowhere", "black hole"])
def test_a_hook_that_is_down_is_named(
    ask: Ask, configured: Configure, black_hole: int, where: str
) -> None:
    port = 9 if where == "nowhere" else black_hole
    url = f"http://127.0.0.1:{port}/hook"
    configured(platform_hook_url=url, platform_hook_secret=HOOK_SECRET)

    told = ask("platform hook")

    assert told.exit_code == 2
    assert "hook does not answer" in told.words("platform hook")
    assert told.command("platform hook").startswith(
        f"curl -sSI http://127.0.0.1:{port}; mend the server that PLATFORM_HOOK_URL"
    )


def test_a_hook_at_a_forbidden_address_is_named(
    ask: Ask, configured: Configure
) -> None:
    url = "http://169.254.169.254/latest"
    configured(platform_hook_url=url, platform_hook_secret=HOOK_SECRET)

    told = ask("platform hook", "settings")

    assert told.exit_code == 2
    assert "metadata" in told.words("platform hook")
    assert "PLATFORM_HOOK_URL" in told.words("settings")


def test_a_mail_server_that_greets_is_well_and_gets_no_mail(
    ask: Ask, configured: Configure, mail_server: MailServer
) -> None:
    configured(smtp_url=mail_server.url)

    told = ask("mail server")

    assert told.exit_code == 0
    assert mail_server.mails == []


@pytest.mark.parametrize(
    ("faults", "expected"),
    [
        ({"greeting": HANG}, "gives no answer at the greeting"),
        ({"EHLO": HANG}, "gives no answer at EHLO"),
        ({"AUTH": "535 5.7.8 no"}, "answers 535 to AUTH"),
        ({"greeting": "554 5.7.1 no"}, "answers 554 to the greeting"),
    ],
    ids=["silent", "silent at EHLO", "password", "unwanted"],
)
def test_a_mail_server_that_misbehaves_is_named(
    ask: Ask,
    configured: Configure,
    mail_server: MailServer,
    faults: dict[str, str],
    expected: str,
) -> None:
    mail_server.faults = faults
    configured(smtp_url=mail_server.url_of_all_steps)

    told = ask("mail server")

    assert told.exit_code == 1
    assert expected in told.words("mail server")
    assert "SMTP_URL" in told.command("mail server")


def test_a_mail_server_without_starttls_is_named(
    ask: Ask, configured: Configure, mail_server: MailServer
) -> None:
    plain = mail_server.url.removeprefix("smtp://")
    configured(smtp_url=f"smtp+starttls://{plain}")

    told = ask("mail server")

    assert told.exit_code == 1
    assert "STARTTLS" in told.words("mail server")


def test_a_mail_server_that_is_not_there_is_named(
    ask: Ask, configured: Configure
) -> None:
    configured()

    told = ask("mail server")

    assert told.exit_code == 1
    assert "gives no answer at connecting" in told.words("mail server")
