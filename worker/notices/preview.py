"""Writes a message with sample facts into files, to look at."""

from pathlib import Path

from models.notices import NoticeKind
from worker.errors import PaddlewheelError
from worker.notices.samples import EVERY, SAMPLES
from worker.notices.templates import render


def write_preview(
    kind: NoticeKind, locale: str, folder: Path | None, file: Path
) -> tuple[str, tuple[Path, Path]]:
    """Write the HTML to a file and the text beside it; return the subject and both.

    Raises:
        PaddlewheelError: A template is wrong, or the files cannot be written.
    """
    words = render(kind, {**EVERY, **SAMPLES[kind]}, locale, folder)
    # The names of both end as programs that show them expect.
    html, text = file.with_suffix(".html"), file.with_suffix(".txt")
    try:
        html.parent.mkdir(parents=True, exist_ok=True)
        html.write_text(words.html)
        text.write_text(f"Subject: {words.subject}\n\n{words.text}")
    except OSError as error:
        message = f"{error.filename} cannot be written: {error.strerror}."
        raise PaddlewheelError(message) from None
    return words.subject, (html, text)
