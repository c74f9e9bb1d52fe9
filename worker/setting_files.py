"""The files that settings are read from: ``.env``, and what ``up`` wrote.

``up`` writes what it runs with, so that commands in a second terminal find the same
servers. Each environment has a folder of its own: a database belongs to one.
"""

from pathlib import Path

from dotenv import dotenv_values

from worker.errors import SettingsError

#: Where ``up`` keeps what it makes, below ``STATE_DIR``. In production it makes nothing.
_FOLDERS = {"local": "", "sandbox": "sandbox"}


def state_of(state: Path, environment: str) -> Path:
    """Return where ``up`` keeps the data of an environment.

    Raises:
        KeyError: It does not run there.
    """
    return state / _FOLDERS[environment]


def files_of(root: Path, environment: str) -> tuple[Path, ...]:
    """Return the files with the settings of an environment; a later one wins.

    Args:
        root: Folder with ``.env``.
        environment: Which is meant.
    """
    dotenv = root / ".env"
    if environment not in _FOLDERS:
        return (dotenv,)
    return (state_of(root / ".paddlewheel", environment) / "env", dotenv)


def values_in(*files: Path) -> dict[str, str]:
    """Return what stands in files that are there; a later one wins.

    Raises:
        SettingsError: One is no text.
    """
    found = {name: value for file in files for name, value in _read(file).items()}
    return {name: value for name, value in found.items() if value}


def names_in(*files: Path) -> set[str]:
    """Return the names that stand in files that are there, with a value or without."""
    return {name for file in files for name in _read(file)}


def _read(file: Path) -> dict[str, str | None]:
    try:
        return dotenv_values(file) if file.exists() else {}
    except UnicodeDecodeError:
        raise SettingsError(f"{file} is not in UTF-8: save it so.") from None
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror}.") from None
