"""Changes a file of settings, and leaves what else stands in it as it is."""

import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from worker.errors import PaddlewheelError
from worker.setting_files import values_in

#: Its owner's alone: it holds secrets.
MODE = 0o600


def write(file: Path, values: Mapping[str, str]) -> bool:
    """Set some values, whole or not at all; the file is its owner's alone then.

    Returns:
        Whether any of them was new.

    Raises:
        PaddlewheelError: It cannot be written.
    """
    try:
        if values.items() <= values_in(file).items():
            file.chmod(MODE)
            return False
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        for name, value in values.items():
            text = _with(text, name, value)
        # What a link leads to is changed, not the link.
        _replace(file.resolve(), text)
    except OSError as error:
        message = f"{file} cannot be written: {error.strerror}."
        raise PaddlewheelError(message) from None
    return True


def _with(text: str, name: str, value: str) -> str:
    line = f"{name}={value}"
    pattern = re.compile(rf"^([ \t]*(?:export[ \t]+)?){name}[ \t]*=.*$", re.MULTILINE)
    if pattern.search(text):
        return pattern.sub(lambda found: f"{found[1]}{line}", text)
    return f"{text}{'' if text.endswith(chr(10)) or not text else chr(10)}{line}\n"


def _replace(file: Path, text: str) -> None:
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f"{file.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as written:
            written.write(text)
            if file.exists():
                _give(handle, file)
            os.fchmod(handle, MODE)
            written.flush()
            os.fsync(handle)
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


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
