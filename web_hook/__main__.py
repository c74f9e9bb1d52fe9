"""``python -m web_hook``: run the receiver on WEB_HOST and WEB_PORT."""

import sys

import structlog
from sqlalchemy.exc import SQLAlchemyError

from web_hook.build import receiver_of
from web_hook.server import listen, serve
from worker.database import make_engine
from worker.environment import check_stamp
from worker.errors import EnvironmentMismatchError, SettingsError
from worker.log import configure
from worker.sentry import start_sentry
from worker.settings import Settings, settings

PROCESS = "web"

log = structlog.get_logger()


def main() -> int:
    """Run until asked to stop; return the exit code."""
    try:
        config = settings()
        configure(config, PROCESS)
        start_sentry(config, PROCESS)
        _check_environment(config)
    except (SettingsError, EnvironmentMismatchError) as error:
        return _refuse(str(error))
    try:
        listener = listen(config.web_host, config.web_port)
    except OSError as error:
        # Python adds the address to the system's text.
        cause = str(error.strerror).partition(" (while")[0]
        return _refuse(
            f"Cannot listen on {config.web_host}:{config.web_port} ({cause}):"
            " stop what runs there, or set WEB_PORT."
        )
    receiver = receiver_of(config)
    log.info("receiver_started", host=config.web_host, port=config.web_port)
    serve(receiver, listener)
    log.info("receiver_stopped")
    return 0


def _check_environment(config: Settings) -> None:
    engine = make_engine(config, "receiver")
    try:
        check_stamp(engine, config.paddle_environment)
    except SQLAlchemyError as error:
        # It may come back, or be migrated in a moment: until then the answer is 503.
        # Each new connection is checked again before anything is stored on it.
        log.warning("database_not_ready", error=type(error).__name__)
    finally:
        engine.dispose()


def _refuse(sentences: str) -> int:
    sys.stderr.write(f"{sentences}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
