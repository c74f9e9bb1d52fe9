"""Who goes on after a kill does so in the test's own process."""

from tests.integration.conftest import celery_app, core

__all__ = ["celery_app", "core"]
