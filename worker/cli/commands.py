"""The table of commands, and the group that imports each only when it is run."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

#: Of ``sysexits.h``: nothing was looked at or done, so no other code may be said.
EXIT_USAGE = 64
#: What the library has for the same, and ``status`` and ``doctor`` for the worst.
LIBRARYS_USAGE = 2


class Place(NamedTuple):
    """Where a command is, and the line that ``--help`` has for it."""

    module: str
    #: A function, or a ``typer.Typer``: a group of commands.
    attribute: str
    help: str


#: By name, in the order in which they are listed. A new command is a function, or a group
#: a ``typer.Typer``, in a file of its own and an entry here.
PLACES = {
    "up": Place(
        "worker.cli.up",
        "up",
        "Run everything on this machine, beside a local Paddle or Paddle's sandbox.",
    ),
    "demo": Place(
        "worker.cli.demo",
        "demo",
        "Play a course shop's season and a day, and compare the end with the truth.",
    ),
    "status": Place("worker.cli.status", "status", "How things stand."),
    "doctor": Place(
        "worker.cli.doctor", "doctor", "Look at everything this needs to work."
    ),
    "explain": Place(
        "worker.cli.explain",
        "explain",
        "Why somebody has or lacks access now, and all that led there.",
    ),
    "access-times": Place(
        "worker.cli.access_times",
        "access_times",
        "How long it took from paid to access, of every purchase.",
    ),
    "connect": Place(
        "worker.cli.connect",
        "connect",
        "Connect a Paddle account: key, destination, secret, catalog, and the proof.",
    ),
    "release": Place(
        "worker.cli.release",
        "release",
        "Migrate the database, stamp it, and apply the catalog.",
    ),
    "learner-token": Place(
        "worker.cli.learner_token",
        "learner_token",
        "Sign a user id for custom_data.learner, as your shop does.",
    ),
    "grant": Place("worker.cli.grant", "grant", "Give access by hand."),
    "revoke": Place(
        "worker.cli.grant",
        "revoke",
        "End what was given by hand, and say which access remains.",
    ),
    "alerts": Place("worker.cli.alerts", "group", "What a person must know."),
    "catalog": Place(
        "worker.cli.catalog", "group", "What is sold, and what each price gives."
    ),
    "checkout": Place("worker.cli.checkout", "group", "Open checkouts."),
    "deadletters": Place(
        "worker.cli.deadletters", "group", "What will not pass by itself."
    ),
    "drift": Place(
        "worker.cli.drift", "group", "What the provider sends that is new to us."
    ),
    "findings": Place("worker.cli.findings", "group", "What a person must look at."),
    "notifications": Place(
        "worker.cli.notifications", "group", "What people are told."
    ),
    "parked": Place("worker.cli.parked", "group", "Money in, access waiting."),
    "platform": Place(
        "worker.cli.platform", "group", "What the course platform is told."
    ),
    "reconcile": Place(
        "worker.cli.reconcile",
        "group",
        "Compare with the provider, and heal what is certain.",
    ),
    "send": Place("worker.cli.send", "group", "Send events through the local Paddle."),
}


def loaded(name: str) -> Any:  # noqa: ANN401 (a command of the library's own copy of click)
    """Import a command."""
    place = PLACES[name]
    found = getattr(import_module(place.module), place.attribute)
    if not isinstance(found, typer.Typer):
        alone = typer.Typer(add_completion=False)
        alone.command(name)(found)
        found = alone
    command = typer.main.get_command(found)
    command.name = name
    return command


class Commands(TyperGroup):
    """All commands; what is only listed is not imported, which takes seconds."""

    def make_context(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 (as the library has it)
        """Read the options that stand before the command."""
        with _mistyped():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 (as the library has it)
        """Read what a command is given, and run it."""
        with _mistyped():
            return super().invoke(ctx)

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401 (as the library has it)
        """Return the names."""
        del ctx
        return [*PLACES]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401
        """Return a stand-in that has the name and the line of help."""
        del ctx
        place = PLACES.get(cmd_name)
        return place and TyperCommand(cmd_name, help=place.help)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401
        """Return the command that is to be run."""
        name, _, rest = super().resolve_command(ctx, args)
        return name, name and loaded(name), rest


@contextmanager
def _mistyped() -> Iterator[None]:
    """Let what no command understands end with a code that is no command's answer."""
    try:
        yield
    except typer.TyperException as error:
        if error.exit_code == LIBRARYS_USAGE:
            error.exit_code = EXIT_USAGE
        raise
