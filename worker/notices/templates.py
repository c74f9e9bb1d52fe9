"""Puts facts into words: a template a kind, of the shop or ours, for text and HTML.

A template has two blocks, ``subject`` and ``body``, and writes its body with ``p``,
``strong`` and ``button``, which one layout defines for text and one for HTML. Days and
codes it puts into words itself, with ``_words.j2`` of its language. The shop's folder wins file by file. Templates are read once: what a process checked at its
start is what it sends.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from billiard.exceptions import SoftTimeLimitExceeded
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from jinja2.environment import TemplateModule
from jinja2.exceptions import TemplateError, TemplateNotFound, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from models.notices import NoticeKind
from worker.channels.letter import Words
from worker.errors import PermanentError
from worker.notices.plain import plain_facts

OURS = Path(__file__).resolve().parent.parent / "templates"
#: What we ship, and what is used where a locale has no template.
LAST_LOCALE = "en"
#: As BCP 47 has it, near enough; also with ``_``.
LOCALE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,3}")
BLOCKS = ("subject", "body")
#: What a template may have besides: a sentence that WhatsApp puts behind the subject.
WHY = "why"
#: How Jinja tells what was looked for in a thing: that may be a fact.
NOT_IN = " object' has no "
#: What a layout must define.
PARTS = ("p", "strong", "button", "page")


class Folders(FileSystemLoader):
    """Reads templates, and says which one it cannot read."""

    def get_source(
        self, environment: Environment, template: str
    ) -> tuple[str, str, Callable[[], bool]]:
        """Return source, file and whether it is still so."""
        try:
            return super().get_source(environment, template)
        except (OSError, UnicodeDecodeError) as error:
            if isinstance(error, TemplateNotFound):
                raise
            problem = "not UTF-8" if isinstance(error, ValueError) else error.strerror
            raise PermanentError(f"the template {template}: {problem}") from None


@dataclass(frozen=True, slots=True)
class Form:
    """Text or HTML: an environment with its layout."""

    environment: ImmutableSandboxedEnvironment
    layout: TemplateModule

    def page(self, subject: str, body: str, shop: str, language: str) -> str:
        """Return what the layout makes of a body."""
        return str(self.layout.page(subject, body, shop, language))  # type: ignore[attr-defined]


def render(
    kind: NoticeKind, facts: Mapping[str, str], locale: str, folder: Path | None
) -> Words:
    """Write a message.

    Args:
        kind: What it is for.
        facts: Those of ``worker.notices.samples``, as strangers wrote them.
        locale: The person's, or empty.
        folder: The shop's own templates.

    Raises:
        PermanentError: A template is wrong; the sentence names file and line. Or a
            fact that should be an address on the web is none.
    """
    values = plain_facts(facts)
    with telling():
        text, html = form(folder, "text"), form(folder, "html")
        template = find(folder, "text", kind, locale)
        subject = one_line(_block(template, "subject", values))
        if not subject:
            raise PermanentError(f"{template.filename}: the subject is empty")
        why = WHY in template.blocks and one_line(_block(template, WHY, values))
        language = str(template.name).partition("/")[0]
        rest = (values.get("shop", ""), language)
        body = re.sub(r"\n{3,}", "\n\n", _block(template, "body", values)).strip()
        marked = _block(find(folder, "html", kind, locale), "body", values)
        return Words(
            subject,
            text.page(subject, body, *rest),
            html.page(subject, Markup(re.sub(r"\n+", "\n", marked).strip()), *rest),  # noqa: S704 (escaped where facts met it)
            why or "",
        )


@cache
def form(folder: Path | None, name: str) -> Form:
    """Return text or HTML as a shop writes it; made once a process."""
    environment = ImmutableSandboxedEnvironment(
        loader=Folders([one for one in (folder, OURS) if one]),
        autoescape=name == "html",
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["line"] = one_line
    layout = environment.get_template(f"layout.{name}.j2")
    module = layout.make_module()
    for part in PARTS:
        if not hasattr(module, part):
            raise PermanentError(f"{layout.filename}: the macro {part} is missing")
        environment.globals[part] = getattr(module, part)
    return Form(environment, module)


@lru_cache(maxsize=1024)
def find(folder: Path | None, name: str, kind: NoticeKind, locale: str) -> Template:
    """Return the template of a kind that is nearest to a locale.

    Kept, because looking for files that are not there takes longer than writing.
    """
    names = [f"{one}/{kind}.j2" for one in locales(locale)]
    return form(folder, name).environment.select_template(names)


def locales(locale: str) -> list[str]:
    """Return where templates are looked for: ``pt-BR``, ``pt``, ``en``."""
    found = []
    if LOCALE.fullmatch(locale):
        language, *parts = locale.replace("_", "-").split("-")
        named = [language.lower(), *map(_subtag, parts)]
        found = ["-".join(named[:count]) for count in range(len(named), 0, -1)]
    return [*found, LAST_LOCALE]


def _subtag(part: str) -> str:
    """Write a part of a locale as folders have it: ``BR``, ``Hans``."""
    return part.title() if len(part) == len("Hans") else part.upper()


def one_line(text: str) -> str:
    """Return a text on one line; markup stays markup."""
    line = " ".join(text.split())
    return Markup(line) if isinstance(text, Markup) else line  # noqa: S704 (was markup before)


def _block(template: Template, name: str, values: Mapping[str, str]) -> str:
    if name not in template.blocks:
        raise PermanentError(f"{template.filename}: the block {name} is missing")
    context = template.new_context(dict(values))
    return "".join(template.blocks[name](context))


@contextmanager
def telling() -> Iterator[None]:
    """Turn whatever a template does wrong into a sentence with file and line.

    Raises:
        PermanentError: It went wrong.
    """
    try:
        yield
    except (PermanentError, SoftTimeLimitExceeded):
        raise
    except TemplateSyntaxError as error:
        message = f"{error.filename}, line {error.lineno}: {error.message}"
        raise PermanentError(message) from None
    except Exception as error:  # noqa: BLE001 (a shop's template may raise any)
        raise PermanentError(f"{_place(error)}: {_words_of(error)}") from None


def _words_of(error: Exception) -> str:
    """Return what an error says, or its class if that may hold what a stranger wrote."""
    said = str(error)
    is_told = isinstance(error, TemplateError) and NOT_IN not in said
    return said if is_told else type(error).__name__


def _place(error: Exception) -> str:
    """Return where a template went wrong: in a layout only if nothing called it."""
    places = []
    trace = error.__traceback__
    while trace is not None:
        template = trace.tb_frame.f_globals.get("__jinja_template__")
        if template is not None:
            line = template.get_corresponding_lineno(trace.tb_lineno)
            places.append((template.name, f"{template.filename}, line {line}"))
        trace = trace.tb_next
    called = [place for name, place in places if not name.startswith("layout.")]
    return (called or [place for _, place in places] or ["a template"])[-1]
