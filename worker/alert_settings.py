"""The settings about alerts: when something is worth a word, and who hears it."""

import re
from typing import Annotated

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode

#: Where a new way out begins: addresses may hold commas of their own.
_NEXT_WAY = re.compile(r"[,\s]+(?=(?:[a-zA-Z]+=)?[a-zA-Z0-9][a-zA-Z0-9+.-]*://)")


class AlertSettings(BaseSettings):
    """Part of ``worker.settings.Settings``."""

    alert_urls: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (),
        description="Where alerts go, as apprise writes it"
        " (`slack://…`, `mailto://…`, `pagerduty://…`), separated by commas. The first"
        " that takes a message is enough, the others stand in for it. `critical=` or"
        " `warning=` before one: only from that severity on. The log and Sentry are"
        " always told.",
    )
    alert_runbooks_url: str | None = Field(
        None,
        description="Where your copy of `docs/runbooks` can be read, for the links in"
        " alerts. Empty: the path in the checkout.",
    )
    alert_watch_seconds: float = Field(
        5, ge=0.2, le=15, description="How often it is looked whether all is well."
    )
    alert_calm_seconds: float = Field(
        60,
        ge=0.5,
        le=3600,
        description="How long something must stay away to count as over. Doubles each"
        " time it comes back within a day, up to 256 times.",
    )
    alert_remind_minutes: float = Field(
        60,
        ge=1,
        le=1440,
        description="When an alert is first told again. Doubles each time, up to a"
        " day.",
    )
    alert_waiting_seconds: float = Field(
        120,
        ge=1,
        le=86_400,
        description="Alert when the oldest waiting row of a stage is older.",
    )
    alert_silent_seconds: float = Field(
        90,
        ge=5,
        le=3600,
        description="Alert when a queue, beat or the watchman has not shown itself for"
        " so long.",
    )
    alert_refused_minutes: float = Field(
        30,
        ge=0.01,
        le=1440,
        description="Alert when the mail server or the course platform has refused for"
        " so long.",
    )
    alert_parked_minutes: float = Field(
        30,
        ge=0.01,
        le=10_080,
        description="Alert when paid money has waited so long for its price or buyer.",
    )
    alert_signature_refusals: int = Field(
        10,
        ge=1,
        le=1_000_000,
        description="Alert when so many deliveries of the last hour were refused for"
        " their signature.",
    )
    alert_quiet_hours: float = Field(
        6,
        ge=0.1,
        le=168,
        description="Alert when no delivery came for so long, at a time of the day and"
        " week when some usually come.",
    )
    alert_cursor_minutes: float = Field(
        30,
        ge=15,
        le=10_080,
        description="Alert when the provider's list of events was not compared for so"
        " long. The comparison itself stays ten minutes behind.",
    )
    alert_access_seconds: float = Field(
        60,
        ge=1,
        le=31_536_000,
        description="Target for the time from paid to access. Alert when a purchase of"
        " the last quarter of an hour took longer.",
    )
    digest_hour: int = Field(
        6, ge=0, le=23, description="Hour (UTC) from which yesterday's digest is sent."
    )

    @field_validator("alert_urls", mode="before")
    @classmethod
    def _split_ways(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part for part in _NEXT_WAY.split(value.strip(", \n")) if part)
        return value
