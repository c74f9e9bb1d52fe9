"""What tells one release from another: a digest of its code, the same wherever it runs.

A version number would have to be remembered, and says nothing of a checkout.
"""

from functools import cache
from hashlib import sha256

from worker.settings import ROOT

#: Whose content makes a release.
FOLDERS = ("models", "tasks", "worker")
#: Enough to tell two releases apart.
MARK_CHARS = 10


@cache
def release_mark() -> str:
    """Return the mark of the code as it lies on the disk when this is first asked."""
    digest = sha256()
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            digest.update(str(path.relative_to(ROOT)).encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:MARK_CHARS]
