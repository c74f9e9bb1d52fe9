"""The settings about what people are told, and over which ways."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode

from models.notices import NoticeKind

Kinds = Annotated[tuple[NoticeKind, ...], NoDecode]


class NoticeSettings(BaseSettings):
    """Part of ``worker.settings.Settings``."""

    notify_on: Kinds = Field(
        (),
        description="Kinds of messages that are made although they are off by default"
        " (`docs/notifications.md`), separated by commas.",
    )
    notify_off: Kinds = Field((), description="Kinds of messages that are not made.")
    notify_parked_minutes: float = Field(
        10,
        ge=1,
        le=1440,
        description="After how long a buyer whose purchase is parked is told that the"
        " payment is there and access follows.",
    )
    notify_trial_days: float = Field(
        3, gt=0, le=30, description="How long before its end a trial is told of."
    )
    notify_checkout_hours: float = Field(
        4,
        ge=0.1,
        le=72,
        description="After how long an unpaid checkout is told of, once, if that kind is"
        " on.",
    )
    templates_folder: Path | None = Field(
        None,
        description="Folder with the shop's own templates, which win over ours file by"
        " file (`docs/notifications.md`).",
    )
    whatsapp_token: SecretStr | None = Field(
        None,
        description="Access token of the WhatsApp Cloud API. With it learners who gave a"
        " number are told there too.",
    )
    whatsapp_phone_number_id: str | None = Field(
        None, pattern=r"^\d+$", description="Id of the number that WhatsApp sends from."
    )
    whatsapp_template: str = Field(
        "course_access",
        pattern=r"^[a-z0-9_]+$",
        description="Name of the approved template; `docs/notifications.md` has its"
        " text.",
    )
    whatsapp_api_url: str = Field(
        "https://graph.facebook.com/v23.0",
        description="Address of the WhatsApp Cloud API, with its version.",
    )
    outgoing_private: bool = Field(
        default=False,
        description="The platform hook may lie in a private network (10/8, 172.16/12,"
        " 192.168/16, 100.64/10, fc00::/7), over `http` too. Always so with"
        " `PADDLE_ENVIRONMENT=local`, and this machine then, too.",
    )

    @field_validator("notify_on", "notify_off", mode="before")
    @classmethod
    def _split_kinds(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value
