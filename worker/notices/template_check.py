"""Tries the shop's templates before anybody is mailed: a sentence for each mistake."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from jinja2 import Environment, nodes

from models.notices import NoticeKind
from worker.errors import PermanentError, SettingsError
from worker.notices.reasons import DECLINES, REASONS
from worker.notices.samples import EVERY, SAMPLES, may_be_empty
from worker.notices.templates import (
    BLOCKS,
    LAST_LOCALE,
    WHY,
    form,
    locales,
    render,
    telling,
)
from worker.settings import Settings

LAYOUTS = {"layout.html.j2", "layout.text.j2"}
#: Files of the shop's that its templates include.
INCLUDED = "_"
#: By fact the codes it may be; a later release may have more.
CODES = {"reason": REASONS, "decline": DECLINES}
UNKNOWN = "unknown"


def check_templates(config: Settings) -> None:
    """Write every message with the shop's templates, in all its languages.

    Raises:
        SettingsError: A sentence for each mistake.
    """
    if problems := problems_of(config.templates_folder):
        raise SettingsError("\n".join(problems))


def problems_of(folder: Path | None) -> list[str]:
    """Return what is wrong in a folder of templates; None: nothing is."""
    if folder is None:
        return []
    if not folder.is_dir():
        return [f"TEMPLATES_FOLDER: there is no folder {folder}"]
    found = [*_unused(folder), *_failing(folder), *_stray(folder)]
    return list(dict.fromkeys(found))


def samples_of(kind: NoticeKind) -> list[Mapping[str, str]]:
    """Return facts to write a kind with: all, only those always there, and each code."""
    every = {**EVERY, **SAMPLES[kind]}
    least = {name: "" if name in may_be_empty(kind) else every[name] for name in every}
    coded = [
        {**every, name: code}
        for name, codes in CODES.items()
        if name in every
        for code in (*codes, UNKNOWN)
    ]
    return [every, least, *coded]


def _failing(folder: Path) -> Iterator[str]:
    """Find templates that cannot be written with the facts of their kind."""
    for locale in {LAST_LOCALE, *_locales_in(folder)}:
        for kind in NoticeKind:
            for facts in samples_of(kind):
                try:
                    render(kind, facts, locale, folder)
                except PermanentError as error:
                    yield str(error)


def _unused(folder: Path) -> Iterator[str]:
    """Find files that nothing ever reads: a name with a slip of the pen."""
    for locale in _locales_in(folder):
        if locales(locale)[0] != locale:
            right = locales(locale)[0]
            yield f"{folder / locale} is never read: a folder is named as in {right}"
    for file in sorted(folder.glob("**/*.j2")):
        place = file.relative_to(folder)
        known = LAYOUTS if len(place.parts) == 1 else {f"{kind}.j2" for kind in SAMPLES}
        if file.name not in known and not file.name.startswith(INCLUDED):
            yield (
                f"{file} is never read: it is named like none of"
                f" {', '.join(sorted(known))}; what others include begins with _"
            )


def _stray(folder: Path) -> Iterator[str]:
    """Find what stands outside the blocks, where nothing of it is used."""
    environment = form(None, "text").environment
    for file in sorted(folder.glob(f"*/[!{INCLUDED}]*.j2")):
        try:
            with telling():
                lines = _outside(environment, file)
        except PermanentError:
            continue  # told by whoever writes it
        for line in lines:
            yield (
                f"{file}, line {line}: it stands outside the blocks"
                f" {' and '.join(BLOCKS)}, so nothing of it is used"
            )


def _outside(environment: Environment, file: Path) -> list[int]:
    tree = environment.parse(file.read_text(), file.name, str(file))
    return [node.lineno for node in tree.body if not _is_block_or_blank(node)]


def _is_block_or_blank(node: nodes.Node) -> bool:
    if isinstance(node, nodes.Output):
        return all(
            isinstance(one, nodes.TemplateData) and not one.data.strip()
            for one in node.nodes
        )
    return isinstance(node, nodes.Block) and node.name in (*BLOCKS, WHY)


def _locales_in(folder: Path) -> list[str]:
    return sorted(
        one.name for one in folder.iterdir() if one.is_dir() and any(one.glob("*.j2"))
    )
