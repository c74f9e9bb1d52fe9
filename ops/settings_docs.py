# ruff: noqa: INP001 (ops holds scripts, it is no package)
"""Writes the settings table of README.md and ``.env.example`` from worker/settings.py.

``python -m ops.settings_docs`` rewrites both; a contract test fails while they are out
of date, so nobody has to remember.
"""

import textwrap
from pathlib import Path

from pydantic.fields import FieldInfo

from worker.access_settings import AccessSettings
from worker.alert_settings import AlertSettings
from worker.limit_settings import LimitSettings
from worker.reconcile_settings import ReconcileSettings
from worker.settings import ROOT, Settings

README = ROOT / "README.md"
ENV_EXAMPLE = ROOT / ".env.example"
#: What the table stands between in README.md.
BEGIN = "<!-- settings: written by `python -m ops.settings_docs` -->"
END = "<!-- end of settings -->"
WIDTH = 80
PREAMBLE = """\
# Every setting of Paddlewheel; written by `python -m ops.settings_docs`.
#
# Copy it to `.env` and take the `#` away where you set something. The environment
# wins over `.env`. On one machine nothing is needed: `make up` makes what is missing.
"""


def fields_in_order() -> list[tuple[str, FieldInfo]]:
    """Return the settings as they are written down: the general ones first."""
    groups = (AccessSettings, LimitSettings, ReconcileSettings, AlertSettings)
    later = [name for group in groups for name in group.model_fields]
    return sorted(
        Settings.model_fields.items(),
        key=lambda field: later.index(field[0]) + 1 if field[0] in later else 0,
    )


def default_of(field: FieldInfo) -> str:
    """Return a setting's default as one writes it in a file; empty: none."""
    value = field.default
    if field.is_required() or value is None or value == ():
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Path) and value.is_relative_to(ROOT):
        return str(value.relative_to(ROOT))
    return f"{value:g}" if isinstance(value, float) else str(value)


def markdown_table() -> str:
    """Return the settings as a table, the needed ones first."""
    fields = sorted(fields_in_order(), key=lambda f: not f[1].is_required())
    rows = ["| Setting | Default | What it is |", "|---|---|---|"]
    for name, field in fields:
        default = default_of(field)
        shown = f"`{default}`" if default else "–"
        if field.is_required():
            shown = "*needed*"
        rows.append(f"| `{name.upper()}` | {shown} | {field.description} |")
    return "\n".join(rows)


def env_example() -> str:
    """Return a file with every setting, switched off, under its description."""
    parts = [PREAMBLE]
    for name, field in fields_in_order():
        needed = " Needed." if field.is_required() else ""
        words = textwrap.wrap(
            f"{field.description}{needed}",
            WIDTH,
            initial_indent="# ",
            subsequent_indent="# ",
            break_on_hyphens=False,
        )
        parts.append("\n".join([*words, f"#{name.upper()}={default_of(field)}\n"]))
    return "\n".join(parts)


def readme_of(text: str) -> str:
    """Return a README with the table of today between its two marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{markdown_table()}\n\n{END}{after}"


def main() -> None:
    """Rewrite both files."""
    README.write_text(readme_of(README.read_text()))
    ENV_EXAMPLE.write_text(env_example())


if __name__ == "__main__":
    main()
