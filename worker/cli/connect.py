"""``paddlewheel connect``: from a key to a proven destination."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import timedelta
from functools import partial
from math import isfinite
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text
from sqlalchemy import Engine

from worker.budget import Budget, Lane, Patient
from worker.cli.database import database
from worker.cli.output import console, print_json, shown
from worker.connect.connect import Connecting
from worker.connect.errors import ConnectError
from worker.connect.plan import Plan, plan_of
from worker.connect.proof import Patience
from worker.connect.secrets import check_shell
from worker.connect.turns import Turns
from worker.errors import PaddlewheelError, SettingsError
from worker.providers.api import Gate, OpenGate
from worker.providers.paddle.account import Account
from worker.providers.paddle.connection import PaddleConnection
from worker.providers.paddle.provider import Paddle
from worker.setting_files import files_of, values_in
from worker.settings import (
    Environment,
    Settings,
    env_dir,
    environ,
    settings,
    settings_of,
)

CALL_SECONDS = 10.0
#: For a turn, before each request.
TURN_PATIENCE = timedelta(minutes=1)
USUAL_CATALOG = Path("catalog.toml")


def _finite(seconds: float) -> float:
    if not isfinite(seconds):
        raise typer.BadParameter("a number of seconds")
    return seconds


def connect(  # noqa: PLR0913 (each is an option)
    *,
    environment: Annotated[Environment, typer.Option(help="Which account.")],
    url: Annotated[str, typer.Option(help="Where Paddle reaches this deployment.")],
    env_file: Annotated[
        Path | None, typer.Option(help="Where the secret is written; else printed.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell what would be done.")
    ] = False,
    rotate_secret: Annotated[
        bool, typer.Option("--rotate-secret", help="Change the secret, without a gap.")
    ] = False,
    wait: Annotated[
        float,
        typer.Option(
            help="Seconds to wait for the simulated event.", min=0, callback=_finite
        ),
    ] = 30.0,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Connect a Paddle account: key, destination, secret, catalog, and the proof."""
    told: list[dict[str, object]] = []
    try:
        given = _given(environment, env_file)
        plan = plan_of(environment, url, given, env_file, dry_run=dry_run)
        with ExitStack() as opened:
            connecting = _connecting(opened, plan, wait)
            steps = connecting.rotation() if rotate_secret else connecting.steps()
            for step in steps:
                told.append({"step": step.name, "words": step.words, "ok": True})
                if not as_json:
                    line = Text(shown(f"{step.name}: {step.words}"))
                    console().print(line, soft_wrap=step.is_copied)
    except PaddlewheelError as error:
        told.append({**_failure(error), "ok": False})
        raise
    finally:
        if as_json:
            print_json(told)


def _connecting(opened: ExitStack, plan: Plan, wait: float) -> Connecting:
    config = _settings(plan)
    engine = opened.enter_context(database(config=config)) if config else None
    gate = _gate(engine, config) if engine and config else OpenGate()
    account = Account(plan.address, plan.key, frozenset(plan.secrets), gate)
    api = opened.enter_context(PaddleConnection(account, CALL_SECONDS))
    catalog = config.catalog_file if config else USUAL_CATALOG
    return Connecting(plan, api, catalog, engine, Patience(wait))


def _gate(engine: Engine, config: Settings) -> Gate:
    budget = Budget(engine, Paddle.name, Lane.LIVE, config)
    return Turns(Patient(budget, TURN_PATIENCE))


def _failure(error: PaddlewheelError) -> dict[str, object]:
    if isinstance(error, ConnectError):
        return {"step": error.step, "words": error.words}
    step = "settings" if isinstance(error, SettingsError) else "database"
    return {"step": step, "words": str(error)}


def _given(environment: Environment, env_file: Path | None) -> dict[str, str]:
    files = [*files_of(env_dir(), environment), *([env_file] if env_file else [])]
    if env_file:
        check_shell(env_file, environ())
    return {**values_in(*files), **environ()}


def _settings(plan: Plan) -> Settings | None:
    """Return the settings, with the database, where they are of this environment.

    None: they are not whole yet, which is no mistake here, or another deployment's.
    """
    for read in _ways(plan.env_file):
        with suppress(SettingsError):
            config = read()
            if config.paddle_environment == plan.environment:
                return config
    return None


def _ways(env_file: Path | None) -> Iterator[Callable[[], Settings]]:
    if env_file:
        yield partial(settings_of, {**values_in(env_file), **environ()})
    yield settings
