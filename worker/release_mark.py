"""What tells one release from another: a digest of what our processes work by.

The same wherever it runs: the code and its templates, queues and limits, and what is
installed. A version number would have to be remembered, and says nothing of a checkout.
"""

from functools import cache
from hashlib import sha256
from pathlib import Path

from worker.settings import ROOT

#: How a worker is asked which release it runs.
ABOUT = "about"
#: Whose content makes a release: folders with what stands in them, and files.
PARTS = (
    "models",
    "tasks",
    "web_hook",
    "worker",
    "celeryconfig.py",
    "requirements.lock",
)
#: Of a folder's content; the rest is made by running it.
KINDS = (".py", ".j2", ".toml")
#: Enough to tell two releases apart.
MARK_CHARS = 10


@cache
def release_mark() -> str:
    """Return the mark of what lies on the disk when this is first asked."""
    return mark_of(ROOT)


def mark_of(root: Path) -> str:
    """Return the mark of the release that lies in a folder."""
    digest = sha256()
    for part in PARTS:
        inside = (one for one in (root / part).rglob("*") if one.suffix in KINDS)
        for path in sorted(inside) or [root / part]:
            digest.update(f"{path.relative_to(root)}\0{path.stat().st_size}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:MARK_CHARS]
