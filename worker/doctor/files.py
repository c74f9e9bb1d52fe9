"""Checks of what this deployment was given: settings, catalog, alert addresses, disk."""

import shutil
from collections.abc import Iterable

from worker.alerts.ways import check_ways
from worker.catalog import CatalogError, read_catalog
from worker.channels.reach import doubts_of
from worker.doctor.check import Check, Verdict, broken, look, ok, skipped
from worker.doctor.scene import Scene
from worker.errors import PaddlewheelError, SettingsError
from worker.notices.template_check import check_templates
from worker.wording import counted

#: Below the first, whatever is written there fails; below the second it soon will.
LEAST_BYTES = 200 * 1024**2
FEW_BYTES = 2 * 1024**3
EDIT = "edit .env or the environment (README, Settings) and start again"


def _settings(scene: Scene) -> Iterable[Verdict]:
    # That they are complete and do not contradict was seen before there was a scene.
    wrong = list(_doubts(scene))
    words = f"complete and consistent, for {scene.config.paddle_environment}"
    yield from wrong or [ok(words)]


def _doubts(scene: Scene) -> Iterable[Verdict]:
    for doubt in doubts_of(scene.config):
        yield look(doubt, EDIT)
    try:
        check_templates(scene.config)
    except PaddlewheelError as error:
        yield broken(str(error), "mend the template")
    if not scene.config.paddle_billing_enabled:
        words = "PADDLE_BILLING_ENABLED is off: events are stored and wait."
        yield look(words, "set PADDLE_BILLING_ENABLED=true and start again")


def _catalog(scene: Scene) -> Iterable[Verdict]:
    config = scene.config
    try:
        catalog = read_catalog(config.catalog_file, config.paddle_environment)
    except CatalogError as error:
        yield broken(str(error), f"edit {config.catalog_file}")
        return
    offers = counted(len(catalog.offers), "offer")
    if not catalog.offers:
        words = f"{config.catalog_file} gives no course for any price."
        yield look(words, "./paddlewheel catalog map PRICE COURSE")
        return
    yield ok(f"{offers} of {counted(len(catalog.courses), 'course')}")


def _alerts(scene: Scene) -> Iterable[Verdict]:
    if not scene.config.alert_urls and scene.config.paddle_environment == "local":
        yield skipped("ALERT_URLS is empty: under local nobody need be told")
        return
    if not scene.config.alert_urls:
        words = "ALERT_URLS is empty: of what breaks at night nobody is told."
        yield look(
            words, "set ALERT_URLS (docs/alerts.md), then ./paddlewheel alerts test"
        )
        return
    try:
        check_ways(scene.config)
    except SettingsError as error:
        yield broken(str(error), "edit ALERT_URLS, then ./paddlewheel alerts test")
        return
    yield ok(f"{counted(len(scene.config.alert_urls), 'address')} can be read")


def _disk(scene: Scene) -> Iterable[Verdict]:
    folder = next(
        one
        for one in (scene.config.state_dir, *scene.config.state_dir.absolute().parents)
        if one.exists()
    )
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        yield skipped("this machine does not say how much is free")
        return
    words = f"{free / 1024**3:,.1f} GiB free where STATE_DIR is"
    command = "df -h, then make room"
    if free < LEAST_BYTES:
        yield broken(f"Only {words}.", command)
    elif free < FEW_BYTES:
        yield look(f"Only {words}.", command)
    else:
        yield ok(f"{words}; a server elsewhere has its own")


CHECKS = (
    Check(
        "settings",
        "All settings are there, right and consistent; mail templates can be read; no"
        " address is one that nothing is sent to.",
        _settings,
    ),
    Check("catalog", "`CATALOG_FILE` can be read and gives something.", _catalog),
    Check("alert addresses", "There are `ALERT_URLS`, and they can be read.", _alerts),
    Check(
        "disk",
        "This machine has room where `STATE_DIR` is (the embedded servers' data).",
        _disk,
    ),
)
