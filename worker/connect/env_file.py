"""Changes a file of settings, and leaves what else stands in it as it is."""

import fcntl
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

from dotenv import dotenv_values

from worker.errors import PaddlewheelError
from worker.setting_files import values_in

#: Its owner's alone: it holds secrets.
MODE = 0o600


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Let nobody else who asks for this change the file meanwhile.

    Its folder is locked: the file is another one after each change.

    Raises:
        PaddlewheelError: There is no such folder.
    """
    with _told(file):
        folder = os.open(file.resolve().parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def write(file: Path, values: Mapping[str, str]) -> bool:
    """Set some values, whole or not at all; the file is its owner's alone then.

    Returns:
        Whether any of them was new.

    Raises:
        PaddlewheelError: It cannot be written.
    """
    with _told(file):
        if values.items() <= values_in(file).items():
            file.chmod(MODE)
            return False
        with _beside(file, values) as written:
            # What a link leads to is changed, not the link.
            written.replace(file.resolve())
    return True


def check(file: Path, names: Iterable[str]) -> None:
    """See that some values could be set; the file stays as it is.

    Raises:
        PaddlewheelError: It cannot be written.
    """
    with _told(file), _beside(file, dict.fromkeys(names, "x")):
        pass


@contextmanager
def _told(file: Path) -> Iterator[None]:
    try:
        yield
    except UnicodeDecodeError:
        raise PaddlewheelError(f"{file} is not in UTF-8: save it so.") from None
    except OSError as error:
        message = f"{file} cannot be written: {error.strerror}."
        raise PaddlewheelError(message) from None


@contextmanager
def _beside(file: Path, values: Mapping[str, str]) -> Iterator[Path]:
    """Write what the file is to be beside it, until it takes its place."""
    text = _changed(file, values)
    file = file.resolve()
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f"{file.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as written:
            written.write(text)
            if file.exists():
                _give(handle, file)
            os.fchmod(handle, MODE)
            written.flush()
            os.fsync(handle)
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _changed(file: Path, values: Mapping[str, str]) -> str:
    """Return the file's text with other values.

    Raises:
        PaddlewheelError: That would change another value as well.
    """
    before = after = _text_of(file)
    for name, value in values.items():
        after = _with(after, name, value)
    if _parsed(after) != {**_parsed(before), **values}:
        message = (
            f"{file} has a value of several lines, or one that is not closed, and is not"
            f" changed: write each on one line; or leave --env-file out, and set what is"
            " printed."
        )
        raise PaddlewheelError(message)
    return after


def _text_of(file: Path) -> str:
    if not file.exists():
        return ""
    # With its own line ends.
    with file.open(encoding="utf-8", newline="") as opened:
        return opened.read()


def _parsed(text: str) -> dict[str, str | None]:
    return dotenv_values(stream=StringIO(text, newline=""), interpolate=False)


def _with(text: str, name: str, value: str) -> str:
    line, end = f"{name}={value}", "\r\n" if "\r\n" in text else "\n"
    pattern = re.compile(
        rf"^([ \t]*(?:export[ \t]+)?){name}[ \t]*=[^\r\n]*", re.MULTILINE
    )
    if pattern.search(text):
        return pattern.sub(lambda found: f"{found[1]}{line}", text)
    return f"{text}{'' if text.endswith(end) or not text else end}{line}{end}"


def _give(handle: int, file: Path) -> None:
    """Give what is written to the owner of the file that it replaces."""
    owner = file.stat()
    try:
        os.fchown(handle, owner.st_uid, owner.st_gid)
    except PermissionError:
        message = (
            f"{file} belongs to user {owner.st_uid} and group {owner.st_gid}, and could"
            " not be given back to them: run it as that user, or as root."
        )
        raise PaddlewheelError(message) from None
