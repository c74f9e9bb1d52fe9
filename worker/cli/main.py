"""The command ``paddlewheel``."""

import sys

import typer

from worker.cli.commands import Commands
from worker.cli.output import say_problem
from worker.errors import PaddlewheelError

EXIT_FAILED = 1
EXIT_INTERRUPTED = 130

app = typer.Typer(
    cls=Commands,
    help="Turns payment webhooks into course access, and keeps the two in step.",
    no_args_is_help=True,
    # A traceback with local variables would print secrets.
    pretty_exceptions_enable=False,
)


@app.callback()
def _paddlewheel() -> None:
    # Here and not above: it reads the settings, and a list of commands needs none.
    from worker.log import configure_command  # noqa: PLC0415

    configure_command()


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
