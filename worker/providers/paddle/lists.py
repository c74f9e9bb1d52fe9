"""Which page of a list to ask Paddle for, and whether the answer is that page."""

from collections.abc import Sequence
from datetime import UTC
from itertools import pairwise

from worker.providers.api import ApiList, Asked, ListPage
from worker.providers.errors import ApiListError
from worker.providers.paddle.answers import EventIdentity, Identity, Page, read

#: Entities of a page, at most; more is clamped. Lists that differ are named.
MOST_A_PAGE = 200
MOST_A_PAGE_OF = {"/transactions": 30, "/adjustments": 50}
#: Lists hold back what is archived unless told otherwise.
EVERY_STATUS = {"status": "active,archived"}


def path_of(asked: Asked) -> str:
    """Return where a list is."""
    return f"/{asked.list}"


def most_of(path: str) -> int:
    """Return how many entities a page of a list can have."""
    return MOST_A_PAGE_OF.get(path, MOST_A_PAGE)


def parameters_of(asked: Asked) -> dict[str, str]:
    """Return how a page is asked for."""
    order = "id[DESC]" if asked.newest_first else "id[ASC]"
    most = asked.most or most_of(path_of(asked))
    parameters = {"order_by": order, "per_page": str(most)}
    if asked.list is ApiList.CUSTOMERS:
        parameters |= EVERY_STATUS
    if asked.changed_since is not None:
        moment = asked.changed_since.astimezone(UTC).isoformat(timespec="microseconds")
        parameters["updated_at[GTE]"] = moment.replace("+00:00", "Z")
    if asked.after:
        parameters["after"] = asked.after
    return parameters


def page_of(asked: Asked, content: bytes) -> ListPage:
    """Read a page.

    The next one begins behind the last entity of this one, whatever its ``next`` says:
    so none is left out. Only a page without any has nothing else to go by.

    Raises:
        ApiDownError: It is none.
        ApiListError: It does not go on where it was asked to.
    """
    page = read(content, Page)
    is_event = asked.list is ApiList.EVENTS
    kind: type[Identity] = EventIdentity if is_event else Identity
    ids = [read(bytes(entity), kind).id for entity in page.data]
    if not _goes_forward(asked, ids):
        raise ApiListError(f"the pages of {path_of(asked)} do not go forward")
    following = ""
    pagination = page.meta.pagination
    if pagination.has_more:
        following = ids[-1] if ids else pagination.cursor or ""
        if not following or not _goes_forward(asked, [following]):
            raise ApiListError(f"the pages of {path_of(asked)} do not end")
    return ListPage(tuple(map(bytes, page.data)), following, pagination.total)


def _goes_forward(asked: Asked, ids: Sequence[str]) -> bool:
    """Tell whether a page begins behind what was asked for, and goes one way.

    Ids of Paddle's sort by creation, so a page that repeats or jumps back shows.
    """
    sign = -1 if asked.newest_first else 1
    steps = [asked.after, *ids] if asked.after else list(ids)
    return all((a < b) if sign > 0 else (a > b) for a, b in pairwise(steps))
