"""Settings that contradict each other stop the start, with a sentence each."""

import base64
from collections.abc import Callable

import pytest

from models.alerts import Severity
from worker.errors import SettingsError
from worker.setting_checks import ALERT_PREFIXES
from worker.settings import Settings

GOOD_SECRET = f"whsec_{base64.b64encode(b'k' * 24).decode()}"
WHATSAPP = {"whatsapp_token": "EAA", "whatsapp_phone_number_id": "1"}
HOOK = {"platform_hook_url": "https://shop.example/hook"}
WRONG = [
    ({"database_url": "mysql://x"}, "DATABASE_URL must start with"),
    ({"broker_url": "kafka://x"}, "BROKER_URL must start with"),
    ({"smtp_url": "http://x"}, "SMTP_URL must start with"),
    ({"database_url": "postgresql://u:p@h:54x/x"}, "DATABASE_URL: its port"),
    ({"broker_url": "redis://h:99999/0"}, "BROKER_URL: its port"),
    ({"broker_url": "amqp://u:p@h:0//;amqp://i"}, "BROKER_URL: its port"),
    ({"smtp_url": "smtp://h:smtp"}, "SMTP_URL: its port"),
    ({"paddle_api_url": "http://h:8o"}, "PADDLE_API_URL must be"),
    ({"paddle_api_key": "pdl_local\nx"}, "PADDLE_API_KEY must be one word"),
    ({"mail_from": "nobody"}, "MAIL_FROM must be an address"),
    ({"mail_from": "a@b.example\r\nBcc: c@d.example"}, "MAIL_FROM must be an address"),
    (
        {"mail_from": "Shop <shop@bücher.example>"},
        "write a domain that is not as xn--…",
    ),
    ({"mail_from": "böcher@shop.example"}, "MAIL_FROM: the address must be ASCII"),
    ({"smtp_url": "smtps://me:can%C3%A4ry@host"}, "user and password must be ASCII"),
    ({"smtp_url": "smtps://m%FF:canary@host"}, "user and password must be ASCII"),
    *(
        (
            {"paddle_environment": named, "smtp_url": f"smtp://me:canary@{host}"},
            "begin it with smtp+starttls:// or smtps://",
        )
        for named in ("sandbox", "production")
        for host in ("mail.example", "10.0.0.7:25", "[::2]")
    ),
    (HOOK, "set PLATFORM_HOOK_SECRET too"),
    (HOOK | {"platform_hook_secret": "secret"}, "PLATFORM_HOOK_SECRET must be whsec_"),
    (
        HOOK | {"platform_hook_secret": "whsec_??"},
        "PLATFORM_HOOK_SECRET must be whsec_",
    ),
    (
        HOOK | {"platform_hook_secret": GOOD_SECRET, "platform_hook_url": "ftp://x"},
        "PLATFORM_HOOK_URL must be",
    ),
    (
        {
            "platform_hook_secret": GOOD_SECRET,
            "platform_hook_url": "https://user:word@x.example",
        },
        "PLATFORM_HOOK_URL must not hold a user or a password",
    ),
    ({"whatsapp_token": "EAA"}, "set WHATSAPP_PHONE_NUMBER_ID too"),
    (WHATSAPP | {"whatsapp_token": "E A"}, "WHATSAPP_TOKEN must be one word"),
    (WHATSAPP | {"whatsapp_api_url": "x"}, "WHATSAPP_API_URL must be https://"),
    (WHATSAPP | {"whatsapp_api_url": " https://x.y"}, "WHATSAPP_API_URL must be https"),
    (
        WHATSAPP | {"whatsapp_api_url": "https://x.example:0"},
        "WHATSAPP_API_URL must be https://",
    ),
    ({"paddle_webhook_secrets": " , "}, "PADDLE_WEBHOOK_SECRETS is empty"),
    (
        {"paddle_environment": "sandbox", "paddle_api_url": "http://127.0.0.1:1"},
        "PADDLE_API_URL is only for",
    ),
    (
        {"paddle_environment": "sandbox", "paddle_api_key": "pdl_live_apikey_x"},
        "PADDLE_API_KEY is a production key",
    ),
    (
        {"paddle_environment": "production", "paddle_api_key": "pdl_sdbx_apikey_x"},
        "PADDLE_API_KEY is a sandbox key",
    ),
    ({"alert_urls": "canary,json://h/x"}, "number 1 is no address"),
    ({"alert_urls": "slack:/canary"}, "number 1 is no address"),
    (
        {"alert_urls": "json://h/x,critical=json://h/y,error=slack://canary/B/C"},
        "before number 3 may stand critical=, warning=, info= and nothing else",
    ),
    (
        {"learner_secrets": f"{'x' * 32},canary"},
        "LEARNER_SECRETS: number 2 must have 32 printable characters",
    ),
    ({"learner_secrets": "\udcff" * 32}, "LEARNER_SECRETS: number 1 must have"),
    ({"lock_timeout_seconds": 10}, "LOCK_TIMEOUT_SECONDS (10) must be less"),
    ({"statement_timeout_seconds": 15}, "STATEMENT_TIMEOUT_SECONDS (15) must"),
    ({"soft_limit_seconds": 20}, "SOFT_LIMIT_SECONDS (20) must be less"),
    ({"hard_limit_seconds": 30}, "HARD_LIMIT_SECONDS (30) must be less"),
    ({"visibility_timeout_seconds": 60}, "LEASE_SECONDS (30) must be less"),
]


@pytest.mark.parametrize(("given", "sentence"), WRONG)
def test_a_contradiction_is_one_sentence(
    given: dict[str, object],
    sentence: str,
    make_settings: Callable[..., Settings],
) -> None:
    with pytest.raises(SettingsError) as caught:
        make_settings(**given)
    (line,) = str(caught.value).splitlines()
    assert sentence in line
    assert "canary" not in line


def test_several_contradictions_are_told_at_once(
    make_settings: Callable[..., Settings],
) -> None:
    with pytest.raises(SettingsError) as caught:
        make_settings(database_url="x", mail_from="y", lock_timeout_seconds=99)
    assert len(str(caught.value).splitlines()) == 3


def test_a_complete_hook_is_taken(make_settings: Callable[..., Settings]) -> None:
    config = make_settings(**HOOK, platform_hook_secret=GOOD_SECRET)
    assert GOOD_SECRET not in repr(config)


@pytest.mark.parametrize(
    ("environment", "url"),
    [
        ("local", "smtp://me:word@mail.example"),
        *(
            ("production", f"smtp://me:word@{host}")
            for host in ("localhost", "127.0.0.1:25", "[::1]")
        ),
        ("production", "smtp://mail.example"),
        ("production", "smtps://me:word@mail.example"),
        ("production", "smtp+starttls://me:word@mail.example:587"),
    ],
)
def test_a_password_may_travel_over_tls_or_not_at_all(
    make_settings: Callable[..., Settings], environment: str, url: str
) -> None:
    config = make_settings(
        paddle_environment=environment,
        smtp_url=url,
        mail_from="Bücher & Co <shop@xn--bcher-kva.example>",
    )
    assert config.smtp_url == url


def test_every_severity_may_stand_before_a_way_out() -> None:
    assert set(ALERT_PREFIXES) == set(Severity)


@pytest.mark.parametrize(
    "given",
    [
        {"database_url": "postgresql://u:a/b:c#d@h:5432/x"},
        {"database_url": "postgresql:///x?host=/var/run/postgresql"},
        {"broker_url": "redis://:a/b@h:6379/0;redis://i:6379/0"},
        {"broker_url": "redis://[::1]:6379/0"},
    ],
    ids=["password", "socket", "two", "six"],
)
def test_addresses_of_every_form_are_taken(
    given: dict[str, object], make_settings: Callable[..., Settings]
) -> None:
    taken = make_settings(**given)

    assert all(getattr(taken, name) == value for name, value in given.items())


def test_a_key_is_taken_without_its_line_end(
    make_settings: Callable[..., Settings],
) -> None:
    key = make_settings(paddle_api_key="pdl_local_key\n").paddle_api_key

    assert key is not None
    assert key.get_secret_value() == "pdl_local_key"
