"""The command ``paddlewheel``.

A new command is a function in a file of its own and a line in ``COMMANDS``; a group
of commands is a ``typer.Typer`` and a line in ``GROUPS``.
"""

import sys
from collections.abc import Callable

import typer

from worker.cli import (
    alerts,
    catalog,
    deadletters,
    drift,
    findings,
    notifications,
    parked,
    platform,
    reconcile,
    send,
)
from worker.cli.access_times import access_times
from worker.cli.demo import demo
from worker.cli.explain import explain
from worker.cli.grant import grant, revoke
from worker.cli.learner_token import learner_token
from worker.cli.output import say_problem
from worker.cli.release import release
from worker.cli.status import status
from worker.cli.up import up
from worker.errors import PaddlewheelError
from worker.log import configure_command

COMMANDS: tuple[Callable[..., None], ...] = (
    up,
    demo,
    status,
    explain,
    access_times,
    release,
    learner_token,
    grant,
    revoke,
)
GROUPS: dict[str, typer.Typer] = {
    "alerts": alerts.group,
    "catalog": catalog.group,
    "deadletters": deadletters.group,
    "drift": drift.group,
    "findings": findings.group,
    "notifications": notifications.group,
    "parked": parked.group,
    "platform": platform.group,
    "reconcile": reconcile.group,
    "send": send.group,
}
EXIT_FAILED = 1
EXIT_INTERRUPTED = 130

app = typer.Typer(
    help="Turns payment webhooks into course access, and keeps the two in step.",
    no_args_is_help=True,
    # A traceback with local variables would print secrets.
    pretty_exceptions_enable=False,
)


@app.callback()
def _paddlewheel() -> None:
    # With a callback it stays a group of commands, even of a single one.
    configure_command()


for command in COMMANDS:
    app.command()(command)
for name, group in GROUPS.items():
    app.add_typer(group, name=name)


def main() -> int:
    """Run a command; what Paddlewheel can say in a sentence is no traceback."""
    try:
        app(prog_name="./paddlewheel")
    except PaddlewheelError as error:
        say_problem(error)
        return EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main())
