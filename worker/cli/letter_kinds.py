"""Commands for all dead letters of one kind: which are meant, how many, and go."""

from collections.abc import Callable, Iterator, Sequence
from typing import Annotated

import typer
from sqlalchemy import Engine

from worker.alerts.inert import before_inert
from worker.cli.database import database
from worker.cli.output import console
from worker.cli.progress import late_bar
from worker.errors import PaddlewheelError
from worker.replay_many import (
    LETTERS_A_BATCH,
    Kind,
    Part,
    discard_many,
    open_letters,
    replay_many,
)
from worker.rings import publish_ring, ringing_app
from worker.settings import settings
from worker.wording import counted


def _pasted(words: str | None) -> str | None:
    return None if words is None else before_inert(words)


Task = Annotated[
    str | None,
    typer.Option("--task", help="All of this task, as in `list`.", callback=_pasted),
]
ErrorClass = Annotated[
    str | None,
    typer.Option("--error", help="All of this class of error.", callback=_pasted),
]
Place = Annotated[
    str | None,
    typer.Option(
        "--place",
        help="All of this place in the code; '': of what has none.",
        callback=_pasted,
    ),
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]

Deed = Callable[[Engine, Sequence[int], Kind], Iterator[Part]]


def check_named(letter: int | None, kind: Kind) -> None:
    """Check that either one letter is named or a kind.

    Raises:
        PaddlewheelError: Both are, or neither.
    """
    if letter is None and kind.is_any:
        raise PaddlewheelError("Name a letter, or a kind: --task, --error, --place.")
    if letter is not None and not kind.is_any:
        raise PaddlewheelError("Name a letter or a kind, not both.")


def replay_kind(kind: Kind, *, sure: bool) -> None:
    """Give the rows of all open letters of a kind another chance, and ring for them."""
    app = ringing_app(settings())

    def replay(engine: Engine, letters: Sequence[int], kind: Kind) -> Iterator[Part]:
        heard = True
        for part in replay_many(engine, letters, kind):
            for table, rows in part.rows.items():
                # A broker that is away is asked once; the sweep rings then.
                heard = heard and publish_ring(app, table.task, rows, LETTERS_A_BATCH)
            yield part

    replayed, left = _do("replay", replay, kind, sure=sure)
    out = console()
    out.print(
        f"{_letters(replayed)} replayed: the rows are pending again."
        " `./paddlewheel status` tells what becomes of them.",
        soft_wrap=True,
    )
    if left:
        out.print(
            f"{_letters(left)} left alone: closed meanwhile, of a row that is no longer"
            " dead, or of a message that leads to no row (discard those).",
            soft_wrap=True,
        )


def discard_kind(kind: Kind, *, sure: bool) -> None:
    """Let all open letters of a kind rest."""
    discarded, _ = _do("discard", discard_many, kind, sure=sure)
    console().print(f"{_letters(discarded)} discarded. The rows stay dead.")


def _do(verb: str, deed: Deed, kind: Kind, *, sure: bool) -> tuple[int, int]:
    """Do it to what was agreed to; return how many letters were closed, and not."""
    with database("deadletters") as engine:
        with engine.connect() as connection:
            letters = open_letters(connection, kind)
        if not letters:
            raise PaddlewheelError("No open dead letter is of that kind.")
        if not sure:
            _agree(verb, len(letters))
        closed = 0
        with late_bar(verb, len(letters)) as bar:
            for part in deed(engine, letters, kind):
                closed += part.closed
                bar.advance(part.letters)
    return closed, len(letters) - closed


def _agree(verb: str, count: int) -> None:
    if not typer.get_text_stream("stdin").isatty():
        message = f"This would {verb} {_letters(count)}: add --yes if that is meant."
        raise PaddlewheelError(message)
    typer.confirm(f"{verb.capitalize()} {_letters(count)}?", abort=True)


def _letters(count: int) -> str:
    return counted(count, "dead letter")
