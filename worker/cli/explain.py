"""``paddlewheel explain``: why somebody has or lacks access, and how it came to be so."""

from typing import Annotated

import typer

from worker.cli.database import transaction
from worker.cli.explain_page import lines_of
from worker.cli.output import console, print_json
from worker.explain.explanation import explain_subject
from worker.explain.subject import find_subject
from worker.settings import settings


def explain(
    what: Annotated[
        list[str],
        typer.Argument(
            help="E-mail address, learner, user, customer, event or its number,"
            " transaction, subscription, or `enrollment 17`."
        ),
    ],
    *,
    course: Annotated[
        str | None, typer.Option(help="Of a learner, this course only.")
    ] = None,
    personal: Annotated[
        bool, typer.Option("--personal", help="With name and address.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Why somebody has or lacks access now, and all that led there."""
    with transaction() as connection:
        subject = find_subject(connection, what, course)
        told = explain_subject(connection, subject, settings(), personal=personal)
    if as_json:
        print_json(told.as_json())
        return
    out = console()
    for line in lines_of(told):
        out.print(line, markup=False, soft_wrap=True)
