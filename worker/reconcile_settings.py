"""The settings about reconciliation: how often what is compared with the provider."""

from pydantic import Field
from pydantic_settings import BaseSettings


class ReconcileSettings(BaseSettings):
    """Part of ``worker.settings.Settings``. Nobody is asked without an API key."""

    reconcile_events_seconds: float = Field(
        60,
        ge=1,
        le=86_400,
        description="How long after one look at the provider's list of events the next"
        " begins.",
    )
    reconcile_recent_minutes: float = Field(
        60,
        ge=1,
        le=1440,
        description="How often what changed last at the provider is compared with our"
        " rows.",
    )
    reconcile_hour: int = Field(
        2,
        ge=0,
        le=23,
        description="Hour (UTC) from which everything at the provider is compared with"
        " our rows, once a day.",
    )
    reconcile_access_minutes: float = Field(
        15,
        ge=0.1,
        le=1440,
        description="How often our rows are compared with each other: money, grants,"
        " enrollments, platform.",
    )
