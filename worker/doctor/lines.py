"""Lines to type: hosts and ports of our settings are filled in, and no password ever is."""

from shlex import quote
from urllib.parse import SplitResult, urlsplit

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from worker.channels.smtp import Route
from worker.connect.destination import PATH
from worker.settings import Environment, Settings


def ping_database(config: Settings) -> str:
    """Ask whether a server listens there; empty: the address does not tell where."""
    url = _database(config)
    if url is None:
        return ""
    return f"pg_isready{_option('h', url.host)}{_option('p', url.port)}"


def enter_database(config: Settings) -> str:
    """Ask for the password at the terminal, and try it; empty as above."""
    url = _database(config)
    if url is None:
        return ""
    place = f"{_option('h', url.host)}{_option('p', url.port)}"
    return f"psql{place}{_option('U', url.username)}{_option('d', url.database)}"


def ask_broker(config: Settings, question: str) -> str:
    """Ask a Redis or Valkey; a password is asked for where there is one."""
    url = urlsplit(config.broker_url.partition(";")[0])
    password = " --askpass" if url.password else ""
    user = f" --user {quote(url.username)}" if url.username else ""
    address = quote(_without_user(url)._replace(query="", fragment="").geturl())
    return f"redis-cli -u {address}{user}{password} {question}"


def ask_hook(config: Settings) -> str:
    """Ask the platform's host; the rest of its address may be a token."""
    url = _without_user(urlsplit(config.platform_hook_url or ""))
    return f"curl -sSI {quote(f'{url.scheme}://{url.netloc}')}"


def ask_mail_server(config: Settings) -> str:
    """See whether the mail server listens, and greets."""
    route = Route.of(config.smtp_url)
    if route.scheme == "smtp":
        return f"nc -v -w 5 {quote(route.host)} {route.port}"
    upgrade = " -starttls smtp" if route.scheme == "smtp+starttls" else ""
    return f"openssl s_client{upgrade} -connect {quote(f'{route.host}:{route.port}')}"


def connect(config: Settings, destination: str = "") -> str:
    """Make or mend the destination.

    Args:
        config: Says which environment.
        destination: Where it leads now, if that is worth keeping.
    """
    url = urlsplit(destination)
    if config.paddle_environment is Environment.LOCAL:
        address = f"http://127.0.0.1:{config.web_port}"
    elif not destination:
        address = "https://…"
    elif url.path != PATH and url.path.endswith(PATH):
        address = quote(destination)
    else:
        address = quote(f"{url.scheme}://{url.netloc}")
    environment = config.paddle_environment
    return f"./paddlewheel connect --environment {environment} --url {address}"


def _database(config: Settings) -> URL | None:
    try:
        url = make_url(config.sqlalchemy_url)
    except (ArgumentError, ValueError):
        return None
    # Part of a password that was written without its %40.
    return None if "@" in (url.host or "") else url


def _option(letter: str, value: str | int | None) -> str:
    return f" -{letter} {quote(str(value))}" if value else ""


def _without_user(url: SplitResult) -> SplitResult:
    return url._replace(netloc=url.netloc.rpartition("@")[2])
