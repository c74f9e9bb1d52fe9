"""``python -m local_paddle``: serve until told to stop."""

import signal
import sys
from socket import AF_INET, SO_REUSEADDR, SOL_SOCKET, socket
from types import FrameType
from urllib.parse import urlsplit

import structlog

from local_paddle.catalog import offers_in
from local_paddle.server import LocalPaddle, Options, server_of
from worker.errors import SettingsError
from worker.log import configure
from worker.settings import ROOT, Environment, Settings, load

WEBHOOK_PATH = "/webhooks/paddle"
LOOPBACK = ("127.0.0.1", "localhost")
PROCESS = "paddle"

log = structlog.get_logger()


def main() -> int:
    """Serve; return the exit status."""
    try:
        settings = load()
        host, port, api_key = _address(settings)
        configure(settings, PROCESS)
        listener = _bound(host, port)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    paddle = LocalPaddle(_options(settings, api_key))
    # uvicorn stops in order on SIGTERM and then raises the signal once more.
    signal.signal(signal.SIGTERM, _exit)
    signal.signal(signal.SIGINT, _exit)
    log.info("local_paddle_started", host=host, port=port)
    try:
        server_of(paddle).run(sockets=[listener])
    finally:
        log.info("local_paddle_stopped")
    return 0


def _address(settings: Settings) -> tuple[str, int, str]:
    if settings.paddle_environment is not Environment.LOCAL:
        message = (
            "The local Paddle runs only with PADDLE_ENVIRONMENT=local, not"
            f" {settings.paddle_environment}."
        )
        raise SettingsError(message)
    if not settings.paddle_api_url or not settings.paddle_api_key:
        message = "The local Paddle needs PADDLE_API_URL and PADDLE_API_KEY: set both."
        raise SettingsError(message)
    parts = urlsplit(settings.paddle_api_url)
    if parts.hostname not in LOOPBACK or not parts.port:
        message = "PADDLE_API_URL must be http://127.0.0.1:PORT."
        raise SettingsError(message)
    return parts.hostname, parts.port, settings.paddle_api_key.get_secret_value()


def _bound(host: str, port: int) -> socket:
    listener = socket(AF_INET)
    listener.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError:
        listener.close()
        message = f"Port {port} of PADDLE_API_URL is taken: choose another one."
        raise SettingsError(message) from None
    return listener


def _options(settings: Settings, api_key: str) -> Options:
    return Options(
        folder=settings.state_dir / "local_paddle",
        api_key=api_key,
        webhook_secret=settings.paddle_webhook_secrets[0].get_secret_value(),
        destination=f"http://{settings.web_host}:{settings.web_port}{WEBHOOK_PATH}",
        offers=tuple(offers_in(ROOT / settings.catalog_file)),
    )


def _exit(_: int, __: FrameType | None) -> None:
    sys.exit(0)


if __name__ == "__main__":
    sys.exit(main())
