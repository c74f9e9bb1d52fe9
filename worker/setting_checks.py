"""Which settings contradict each other: one sentence for each."""

import base64
import re
from email.utils import parseaddr
from ipaddress import ip_address
from itertools import pairwise
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from worker.learner_token import LEAST_SECRET

if TYPE_CHECKING:
    from worker.settings import Settings

#: Starts of Paddle's API keys since 2025-05-06; older ones tell nothing.
KEY_PREFIXES = {
    "pdl_live_": "production",
    "pdl_sdbx_": "sandbox",
}
DATABASE_SCHEMES = ("postgresql", "postgresql+psycopg")
BROKER_SCHEMES = ("redis", "rediss", "amqp", "amqps")
SMTP_SCHEMES = ("smtp", "smtps", "smtp+starttls")
WEB_SCHEMES = ("https", "http")
#: As the Standard Webhooks specification asks.
HOOK_SECRET_BYTES = range(24, 65)
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
HEADER_WORD = re.compile(r"[!-~]+")
#: From which severity on a way out of ``ALERT_URLS`` is used, and its address.
ALERT_WAY = re.compile(
    r"(?:(?P<least>[A-Za-z]+)=)?(?P<scheme>[A-Za-z0-9][A-Za-z0-9+.-]*)://\S+"
)
ALERT_PREFIXES = ("critical", "warning", "info")


def problems_of(given: "Settings") -> list[str]:
    """Return a sentence for each contradiction."""
    checks = (
        _address_problems,
        _paddle_problems,
        _learner_problems,
        _order_problems,
    )
    return [problem for check in checks for problem in check(given)]


def _address_problems(given: "Settings") -> list[str]:
    checks = (
        ("DATABASE_URL", given.database_url, DATABASE_SCHEMES),
        ("BROKER_URL", given.broker_url, BROKER_SCHEMES),
        ("SMTP_URL", given.smtp_url, SMTP_SCHEMES),
    )
    problems = [
        f"{name} must start with one of {', '.join(s + '://' for s in schemes)}."
        for name, value, schemes in checks
        if urlsplit(value).scheme not in schemes
    ]
    ports = [
        f"{name}: its port must be a number from 1 to 65535."
        for name, value, _ in checks
        if not _has_port_or_none(value)
    ]
    return [
        *problems,
        *ports,
        *_hook_problems(given),
        *_whatsapp_problems(given),
        *_smtp_problems(given),
        *_mail_problems(given),
        *_alert_problems(given),
    ]


def _has_port_or_none(url: str) -> bool:
    # Passwords may hold anything; of several brokers, one after the other, the first.
    host = url.partition(";")[0].partition("://")[2].rpartition("@")[2]
    try:
        return urlsplit(f"//{host}").port != 0
    except ValueError:
        return False


def _hook_problems(given: "Settings") -> list[str]:
    if not given.platform_hook_url:
        return []
    problems = []
    if problem := web_problem_of(given.platform_hook_url):
        problems.append(f"PLATFORM_HOOK_URL {problem}.")
    if given.platform_hook_secret is None:
        problems.append("PLATFORM_HOOK_URL is set: set PLATFORM_HOOK_SECRET too.")
    elif not _is_hook_secret(given.platform_hook_secret.get_secret_value()):
        problems.append(
            "PLATFORM_HOOK_SECRET must be whsec_ and 24 to 64 bytes in base64."
        )
    return problems


def web_problem_of(url: str) -> str | None:
    """Say what is wrong with an address that requests are sent to; None: nothing."""
    try:
        address = urlsplit(url)
        # Reading the port is what checks it.
        is_whole = bool(address.hostname) and address.port != 0
    except ValueError:
        is_whole = False
    # A blank around it is left out by one who takes addresses apart, and not by another.
    is_clean = url == url.strip() and not CONTROL.search(url)
    if not (is_whole and is_clean) or address.scheme not in WEB_SCHEMES:
        return "must be https://… (or http://…)"
    return "must not hold a user or a password" if "@" in address.netloc else None


def _whatsapp_problems(given: "Settings") -> list[str]:
    if given.whatsapp_token is None:
        return []
    problems = []
    if problem := web_problem_of(given.whatsapp_api_url):
        problems.append(f"WHATSAPP_API_URL {problem}.")
    if not given.whatsapp_phone_number_id:
        problems.append("WHATSAPP_TOKEN is set: set WHATSAPP_PHONE_NUMBER_ID too.")
    if not HEADER_WORD.fullmatch(given.whatsapp_token.get_secret_value()):
        problems.append("WHATSAPP_TOKEN must be one word of plain characters.")
    return problems


def _is_hook_secret(secret: str) -> bool:
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except ValueError:
        return False
    return secret.startswith("whsec_") and len(key) in HOOK_SECRET_BYTES


def _smtp_problems(given: "Settings") -> list[str]:
    url = urlsplit(given.smtp_url)
    if url.scheme not in SMTP_SCHEMES or not url.username:
        return []
    problems = []
    # As smtplib sends them.
    if not unquote(f"{url.username}{url.password or ''}").isascii():
        problems.append("SMTP_URL: user and password must be ASCII: choose others.")
    is_exposed = url.scheme == "smtp" and not _is_this_machine(url.hostname)
    if is_exposed and given.paddle_environment != "local":
        problems.append(
            "SMTP_URL would send its password in the clear: begin it with"
            " smtp+starttls:// or smtps://."
        )
    return problems


def _is_this_machine(host: str | None) -> bool:
    if host in (None, "localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _mail_problems(given: "Settings") -> list[str]:
    address = parseaddr(given.mail_from)[1]
    local, _, domain = address.rpartition("@")
    if not (local and domain) or CONTROL.search(given.mail_from):
        return ["MAIL_FROM must be an address, as in courses@example.com."]
    if not address.isascii():
        problem = "the address must be ASCII: write a domain that is not as xn--…"
        return [f"MAIL_FROM: {problem}, or choose another address."]
    return []


def _alert_problems(given: "Settings") -> list[str]:
    # Only the form: whether apprise knows the service costs a third of a second to
    # find out, and is asked where it matters (worker.alerts.ways.check_ways). The
    # addresses hold tokens, so they are told by their number.
    problems = []
    for number, url in enumerate(given.alert_urls, 1):
        parts = ALERT_WAY.fullmatch(url.get_secret_value())
        if parts is None:
            problems.append(f"ALERT_URLS: number {number} is no address (slack://…).")
        elif parts["least"] not in (None, *ALERT_PREFIXES):
            problems.append(
                f"ALERT_URLS: before number {number} may stand"
                f" {', '.join(p + '=' for p in ALERT_PREFIXES)} and nothing else."
            )
    return problems


def _paddle_problems(given: "Settings") -> list[str]:
    problems = []
    if not given.paddle_webhook_secrets:
        problems.append(
            "PADDLE_WEBHOOK_SECRETS is empty: without it no delivery can be verified."
        )
    if given.paddle_api_url and given.paddle_environment != "local":
        problems.append(
            "PADDLE_API_URL is only for PADDLE_ENVIRONMENT=local: remove it."
        )
    elif given.paddle_api_url and (problem := web_problem_of(given.paddle_api_url)):
        problems.append(f"PADDLE_API_URL {problem}.")
    key = given.paddle_api_key.get_secret_value() if given.paddle_api_key else ""
    if key and not HEADER_WORD.fullmatch(key):
        problems.append("PADDLE_API_KEY must be one word of plain characters.")
    for prefix, environment in KEY_PREFIXES.items():
        if key.startswith(prefix) and environment != given.paddle_environment:
            problems.append(
                f"PADDLE_API_KEY is a {environment} key, but PADDLE_ENVIRONMENT is"
                f" {given.paddle_environment}: use the key of that account."
            )
    return problems


def _learner_problems(given: "Settings") -> list[str]:
    problems = []
    for number, secret in enumerate(given.learner_secrets, 1):
        value = secret.get_secret_value()
        if len(value) < LEAST_SECRET or not value.isprintable():
            problems.append(
                f"LEARNER_SECRETS: number {number} must have {LEAST_SECRET} printable"
                " characters or more."
            )
    return problems


def _order_problems(given: "Settings") -> list[str]:
    # Each bound must fire before the one that contains it, or a row can be
    # worked on twice at once.
    bounds = (
        ("LOCK_TIMEOUT_SECONDS", given.lock_timeout_seconds),
        ("STATEMENT_TIMEOUT_SECONDS", given.statement_timeout_seconds),
        ("SOFT_LIMIT_SECONDS", given.soft_limit_seconds),
        ("HARD_LIMIT_SECONDS", given.hard_limit_seconds),
        ("LEASE_SECONDS", given.lease_seconds),
        ("half of VISIBILITY_TIMEOUT_SECONDS", given.visibility_timeout_seconds / 2),
    )
    return [
        f"{low} ({low_value:g}) must be less than {high} ({high_value:g})."
        for (low, low_value), (high, high_value) in pairwise(bounds)
        if not low_value < high_value
    ]
