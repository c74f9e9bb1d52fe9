"""The Celery app: ``celeryconfig`` plus what the settings decide.

``celery -A worker.app worker`` finds it here; importing this module opens nothing.
"""

from celery import Celery

import celeryconfig
from worker import signals
from worker.base_task import BaseTask
from worker.broker import broker_conf
from worker.errors import SettingsError
from worker.periodic import schedule_of
from worker.settings import Settings, settings


def make_app(config: Settings) -> "Celery[BaseTask]":
    """Return a Celery app for these settings."""
    made = Celery("paddlewheel", task_cls=BaseTask, set_as_current=False)
    made.config_from_object(celeryconfig)
    made.conf.update(
        **broker_conf(config),
        task_soft_time_limit=config.soft_limit_seconds,
        task_time_limit=config.hard_limit_seconds,
        beat_schedule=schedule_of(config),
    )
    return made


def _settings() -> Settings:
    try:
        return settings()
    except SettingsError as error:
        # Celery would show a traceback and its own usage around the sentences.
        raise SystemExit(str(error)) from None


app = make_app(_settings())
app.set_current()
app.set_default()
signals.connect()
