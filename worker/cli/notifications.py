"""``paddlewheel notifications``: what people are told, and how it looks."""

from pathlib import Path
from typing import Annotated

import typer

from models.notices import NoticeKind
from worker.cli.notices import list_notices, show_notice
from worker.cli.output import console
from worker.cli.resend import confirm_notices, resend_notices
from worker.cli.suppressions import group as suppressions
from worker.errors import PaddlewheelError
from worker.notices.preview import write_preview
from worker.notices.template_check import check_templates
from worker.settings import settings

group = typer.Typer(help="What people are told.", no_args_is_help=True)
group.command("list")(list_notices)
group.command("show")(show_notice)
group.command("resend")(resend_notices)
group.command("confirm")(confirm_notices)
group.add_typer(suppressions, name="suppressions")


@group.command()
def preview(
    kind: Annotated[
        NoticeKind | None, typer.Argument(help="What the message is for.")
    ] = None,
    *,
    every: Annotated[
        bool, typer.Option("--all", help="Every kind; checks all templates.")
    ] = False,
    locale: Annotated[
        str, typer.Option(help="Of the one who reads it, as in pt-BR.")
    ] = "en",
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Where to; with --all a folder. Text lies beside it."
        ),
    ] = None,
) -> None:
    """Write a message with sample facts into a file; nothing is sent."""
    if (kind is None) != every:
        raise PaddlewheelError("Name one kind, or say --all.")
    config = settings()
    if every:
        check_templates(config)
    kinds = [kind] if kind else list(NoticeKind)
    out = console()
    for one in kinds:
        file = _file(one, output, every=every)
        subject, files = write_preview(one, locale, config.templates_folder, file)
        names = " and ".join(map(str, files))
        out.print(f"{names}: {subject}", markup=False, soft_wrap=True)


def _file(kind: NoticeKind, output: Path | None, *, every: bool) -> Path:
    if output is None or every:
        return (output or Path()) / f"{kind}.html"
    return output
