# ruff: noqa: INP001 (ops holds scripts, it is no package)
"""Takes a picture of every notice as a phone shows it, for docs/notifications.md.

``python -m ops.notices_pictures`` with Chromium on the path. One run of the browser
takes all, one below the other; then they are cut apart.
"""

import shutil
import subprocess
import sys
import tempfile
from html import escape
from pathlib import Path

from models.notices import NoticeKind
from ops import png
from worker.notices.samples import EVERY, SAMPLES
from worker.notices.templates import render
from worker.settings import ROOT

PICTURES = ROOT / "docs" / "pictures" / "notices"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
#: Of a phone; and more height than any notice needs.
WIDTH, HEIGHT = 390, 700
#: White that is left below the last line.
MARGIN = 20
SECONDS = 180
#: What a mail program shows above a mail.
FRAME = """\
<div style="height: {height}px; display: flex; flex-direction: column">
<div style="padding: 16px 20px; border-bottom: 1px solid #d9dce3; font: 16px/1.4 Roboto,
 Arial, sans-serif; color: #1f2430"><b>{subject}</b><br>
<span style="font-size: 14px; color: #5b6270">{shop}</span></div>
<iframe srcdoc="{html}" style="width: {width}px; flex: 1; border: 0"></iframe>
</div>
"""


def main() -> None:
    """Take the pictures."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        sys.exit("There is no Chromium: install one (on Debian: apt install chromium).")
    PICTURES.mkdir(parents=True, exist_ok=True)
    kinds = list(NoticeKind)
    rows = png.read(photograph(browser, sheet(kinds), HEIGHT * len(kinds)))
    for number, kind in enumerate(kinds):
        piece = trimmed(rows[number * HEIGHT : (number + 1) * HEIGHT])
        (PICTURES / f"{kind}.png").write_bytes(png.written(piece))


def sheet(kinds: list[NoticeKind]) -> str:
    """Return a page with every notice in a frame of its own."""
    frames = []
    for kind in kinds:
        words = render(kind, {**EVERY, **SAMPLES[kind]}, "en", None)
        frames.append(
            FRAME.format(
                subject=escape(words.subject),
                shop=EVERY["shop"],
                html=escape(words.html),
                width=WIDTH,
                height=HEIGHT,
            )
        )
    page = "".join(frames)
    return f'<!doctype html><meta charset="utf-8"><body style="margin: 0">{page}'


def photograph(browser: str, page: str, height: int) -> bytes:
    """Return the screenshot of a page."""
    with tempfile.TemporaryDirectory() as folder:
        source, picture = Path(folder) / "page.html", Path(folder) / "page.png"
        source.write_text(page)
        command = [
            *(browser, "--headless", "--no-sandbox", "--disable-gpu"),
            *("--hide-scrollbars", f"--window-size={WIDTH},{height}"),
            *(f"--user-data-dir={folder}/profile", f"--screenshot={picture}"),
            source.as_uri(),
        ]
        subprocess.run(command, check=True, capture_output=True, timeout=SECONDS)  # noqa: S603
        return picture.read_bytes()


def trimmed(rows: png.Rows) -> png.Rows:
    """Return a picture without what is empty at its end."""
    last = max(number for number, row in enumerate(rows) if len(set(row)) > 1)
    return rows[: last + MARGIN]


if __name__ == "__main__":
    main()
