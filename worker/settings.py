"""Every setting of Paddlewheel, read from the environment in one place.

Nothing else reads the environment. A missing or contradicting setting stops the
start with one sentence each; an unknown ``PADDLE_*`` name too, because a typo there
would otherwise switch a safety off without a word.

Precedence: the environment, then ``.env`` in the project's folder, then what ``make up``
wrote when it ran in the same environment (``setting_files``).
"""

import difflib
import os
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from worker.access_settings import AccessSettings
from worker.alert_settings import AlertSettings
from worker.errors import SettingsError
from worker.limit_settings import LimitSettings
from worker.notice_settings import NoticeSettings
from worker.reconcile_settings import ReconcileSettings
from worker.setting_checks import problems_of
from worker.setting_files import files_of, names_in, values_in

ROOT = Path(__file__).resolve().parent.parent
#: Where the embedded servers keep their data and ``make up`` its files.
STATE_DIR = ROOT / ".paddlewheel"
#: Read by ``make test-sandbox``, and no setting: who has it set may start us all the same.
OF_THE_TESTS = "PADDLE_SANDBOX_API_KEY"


class Environment(StrEnum):
    """Which Paddle this deployment talks to; a database belongs to exactly one."""

    LOCAL = "local"
    SANDBOX = "sandbox"
    PRODUCTION = "production"


class Settings(
    AccessSettings, AlertSettings, LimitSettings, NoticeSettings, ReconcileSettings
):
    """The settings; field ``web_port`` is the variable ``WEB_PORT``, and so on."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="ignore",
        env_ignore_empty=True,
        hide_input_in_errors=True,
        validate_default=True,
    )

    paddle_environment: Environment = Field(
        description="`local`, `sandbox` or `production`. The database is stamped with"
        " it at first start and refuses another one afterwards."
    )
    paddle_api_key: SecretStr | None = Field(
        None,
        description="Key for Paddle's API. Not needed to receive webhooks. With it"
        " (permission `customer.read`) a buyer whom no event told of is asked for.",
    )
    paddle_api_url: str | None = Field(
        None,
        description="Address of the local Paddle. Only with"
        " `PADDLE_ENVIRONMENT=local`; the others have fixed addresses.",
    )
    paddle_webhook_secrets: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        description="Secrets of the notification destinations, newest first,"
        " separated by commas. Two during a rotation. `./paddlewheel connect` makes and"
        " writes them."
    )
    paddle_tolerance_seconds: int = Field(
        60,
        ge=5,
        le=300,
        description="How far a signature's time may lie from ours, both ways."
        " Ids are kept for good, so a wide one is safe.",
    )
    paddle_billing_enabled: bool = Field(
        default=True,
        description="Off: deliveries are stored and wait. A safe first deployment.",
    )
    database_url: str = Field(
        repr=False, description="PostgreSQL, `postgresql://user:password@host/name`."
    )
    broker_url: str = Field(
        repr=False,
        description="Redis or Valkey (`redis://…`) or RabbitMQ (`amqp://…`, quorum"
        " queues).",
    )
    smtp_url: str = Field(
        repr=False,
        description="Mail server: `smtp://host:port`, `smtps://user:password@host`,"
        " `smtp+starttls://user:password@host:587`.",
    )
    mail_from: str = Field(description="Sender of every mail.")
    platform_hook_url: str | None = Field(
        None, description="Where the course platform wants to be told. Off when empty."
    )
    platform_hook_secret: SecretStr | None = Field(
        None, description="Standard Webhooks secret (`whsec_…`) of that hook."
    )
    sentry_dsn: SecretStr | None = Field(None, description="Sentry. Off when empty.")
    catalog_file: Path = Field(
        Path("catalog.toml"), description="What each price gives. See the file itself."
    )
    state_dir: Path = Field(
        STATE_DIR,
        description="Where the local Paddle, the mail sink and Flower keep their files.",
    )
    env_dir: Path = Field(
        ROOT, description="Folder whose `.env` is read. Only from the environment."
    )
    web_host: str = Field("127.0.0.1", description="Address the receiver listens on.")
    web_port: int = Field(8080, ge=1, le=65535, description="Port of the receiver.")
    flower_port: int = Field(5555, ge=1, le=65535, description="Port of Flower.")
    flower_basic_auth: SecretStr | None = Field(
        None,
        description="`user:password` for Flower. It does not start without; `make up`"
        " makes one.",
    )
    log_format: str = Field(
        "json", pattern="^(json|console)$", description="`json` or `console`."
    )
    log_level: str = Field(
        "INFO",
        pattern="^(DEBUG|INFO|WARNING|ERROR)$",
        description="Least level that is logged.",
    )

    @field_validator("paddle_webhook_secrets", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("paddle_api_key", mode="before")
    @classmethod
    def _without_line_end(cls, value: object) -> object:
        # As secrets that are mounted as files have one.
        return value.strip() if isinstance(value, str) else value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if problems := problems_of(self):
            raise SettingsError("\n".join(problems))
        return self

    @property
    def is_amqp(self) -> bool:
        """Whether the broker is RabbitMQ."""
        return urlsplit(self.broker_url).scheme in {"amqp", "amqps"}

    @property
    def sqlalchemy_url(self) -> str:
        """The database address with the driver named."""
        scheme, rest = self.database_url.split("://", 1)
        return f"{scheme.partition('+')[0]}+psycopg://{rest}"

    @property
    def libpq_url(self) -> str:
        """The database address as libpq and psycopg read it."""
        scheme, rest = self.database_url.split("://", 1)
        return f"{scheme.partition('+')[0]}://{rest}"


def load(root: Path | None = None) -> Settings:
    """Read the settings.

    Args:
        root: Folder with ``.env``; None: ``env_dir``.

    Raises:
        SettingsError: One sentence for each that is missing, wrong or unknown.
    """
    root = root or env_dir()
    given = {**values_in(root / ".env"), **os.environ}
    files = files_of(root, given.get("PADDLE_ENVIRONMENT") or Environment.LOCAL)
    refuse_unknown(files)
    return _checked(_env_file=files)


def settings_of(values: Mapping[str, str]) -> Settings:
    """Check settings given by the names of their variables; read nothing else.

    Raises:
        SettingsError: One sentence for each that is missing or wrong.
    """
    names = {name: name.upper() for name in Settings.model_fields}
    given = {name: values[key] for name, key in names.items() if values.get(key)}
    return _checked(_env_file=None, **given)


def _checked(**sources: Any) -> Settings:  # noqa: ANN401 (what pydantic takes)
    try:
        return Settings(**sources)
    except ValidationError as error:
        raise SettingsError("\n".join(map(_sentence_of, error.errors()))) from None


@cache
def settings() -> Settings:
    """Return the settings of this process, read once."""
    return load()


def env_dir() -> Path:
    """Return the folder whose ``.env`` is read."""
    return Path(os.environ.get("ENV_DIR") or ROOT)


def environ() -> dict[str, str]:
    """Return a copy of the environment, for starting child processes."""
    return dict(os.environ)


def refuse_unknown(files: tuple[Path, ...]) -> None:
    """Check that every ``PADDLE_*`` name, in the environment and some files, is ours.

    Raises:
        SettingsError: One is not; the message names the nearest right one.
    """
    known = {name.upper() for name in Settings.model_fields}
    given = {*os.environ, *names_in(*files)} - {OF_THE_TESTS}
    sentences = []
    for name in sorted(given - known):
        if not name.startswith("PADDLE_"):
            continue
        near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0)
        sentences.append(f"{name} is not a setting. Did you mean {near[0]}?")
    if sentences:
        raise SettingsError("\n".join(sentences))


def _sentence_of(error: Any) -> str:  # noqa: ANN401 (pydantic's ErrorDetails)
    if not error["loc"]:
        return str(error["msg"]).removeprefix("Value error, ")
    name = str(error["loc"][0]).upper()
    if error["type"] == "missing":
        return f"{name} is not set: {Settings.model_fields[name.lower()].description}"
    return f"{name} is wrong: {error['msg']}."
