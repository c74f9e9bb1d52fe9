"""Lists that are not what they should be, and runs that walk them."""

import pytest
from sqlalchemy import Engine, text

from models.reconciliation import RunKind, RunScope
from tests.factories import rows
from tests.fetching import tell
from tests.purchases import Body, purchase, renamed, transaction
from tests.reconciling_objects import Shelf, reconcile
from worker.providers.api import ApiList, ListPage
from worker.providers.clients import APIS
from worker.providers.errors import ApiListError
from worker.reconciliation import objects
from worker.reconciliation.dry import walk
from worker.reconciliation.last import What
from worker.reconciliation.objects import OBJECTS
from worker.settings import settings

FINDINGS = "SELECT kind, subject FROM findings WHERE state = 'open' ORDER BY subject"
WHAT = What("paddle", RunKind.TRANSACTIONS, RunScope.ALL)
BROKEN = ApiListError("the pages of /transactions do not go forward")


@pytest.fixture
def told() -> list[Body]:
    """Five purchases."""
    return [renamed(transaction("transaction.completed"), str(n)) for n in range(1, 6)]


@pytest.fixture
def bought(asking: Engine, told: list[Body]) -> Engine:
    """A database that was told of them."""
    tell(asking, *told)
    return asking


@pytest.fixture
def shelf(told: list[Body]) -> Shelf:
    """What the provider has after that, two a page."""
    shelf = Shelf(*told)
    shelf.page_size = 2
    return shelf


def ids_of(shelf: Shelf) -> list[str]:
    return sorted(shelf.entities[ApiList.TRANSACTIONS])


def test_no_more_is_asked_than_paging_needs(bought: Engine, shelf: Shelf) -> None:
    ended = reconcile(bought, shelf)

    assert (ended["state"], ended["seen"], ended["requests"]) == ("complete", 5, 3)


@pytest.mark.parametrize("miscounted", [3, 1000, None])
def test_a_wrong_estimate_alone_makes_no_run_partial(
    bought: Engine, shelf: Shelf, miscounted: int | None
) -> None:
    shelf.miscounted = miscounted

    ended = reconcile(bought, shelf)

    assert (ended["state"], ended["reason"]) == ("complete", None)
    assert (ended["seen"], ended["found"], ended["requests"]) == (5, 0, 4)
    assert [asked.newest_first for asked in shelf.asked] == [False] * 3 + [True]


def test_an_estimate_that_is_too_low_costs_nothing(
    bought: Engine, shelf: Shelf
) -> None:
    shelf.miscounted = -2

    ended = reconcile(bought, shelf)

    assert (ended["state"], ended["requests"]) == ("complete", 3)


@pytest.mark.parametrize("miscounted", [0, None])
@pytest.mark.parametrize("cut_after", [0, 2, 3])
def test_a_list_that_was_cut_is_partial_and_calls_nothing_missing(
    bought: Engine, shelf: Shelf, cut_after: int, miscounted: int | None
) -> None:
    shelf.cut_after, shelf.miscounted = cut_after, miscounted

    ended = reconcile(bought, shelf)

    assert (ended["state"], ended["seen"]) == ("partial", cut_after)
    assert ended["reason"] == (
        f"the list was cut: it ended after {cut_after} entities and has newer ones"
    )
    assert (ended["found"], rows(bought, FINDINGS)) == (0, [])


def test_what_comes_while_a_list_is_walked_is_no_cut(
    bought: Engine, shelf: Shelf, told: list[Body]
) -> None:
    shelf.miscounted = 1
    late = renamed(transaction("transaction.completed"), "9")
    for name in ("created_at", "updated_at"):
        late["data"][name] = "2199-01-01T00:00:00Z"

    def come() -> None:
        if len(shelf.asked) == len(told) // 2 + 1:
            shelf.know(late)

    shelf.meanwhile = come
    ended = reconcile(bought, shelf)

    assert (ended["state"], ended["seen"], ended["found"]) == ("complete", 5, 0)


def test_a_list_short_of_its_estimate_and_of_ours_is_partial(
    bought: Engine, shelf: Shelf
) -> None:
    shelf.entities[ApiList.TRANSACTIONS].pop(ids_of(shelf)[-1])
    shelf.miscounted = 1

    ended = reconcile(bought, shelf)

    assert (ended["state"], ended["found"]) == ("partial", 0)
    assert ended["reason"] == (
        "4 of 5 were shown; some of ours were not among them, and are not called missing"
    )
    assert rows(bought, FINDINGS) == []


def test_what_is_missing_is_listed_up_to_a_bound_and_the_run_says_so(
    bought: Engine, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "MOST_FINDINGS", 2)
    for gone in ids_of(shelf)[:2]:
        shelf.entities[ApiList.TRANSACTIONS].pop(gone)
    assert reconcile(bought, shelf)["state"] == "complete"

    shelf.entities[ApiList.TRANSACTIONS].pop(ids_of(shelf)[0])
    ended = reconcile(bought, shelf)

    assert (ended["state"], ended["found"]) == ("partial", 2)
    assert ended["reason"] == (
        "of what the provider's list has not, only 2 are listed: there is more"
    )


def test_what_a_person_has_accepted_is_found_no_more(
    bought: Engine, shelf: Shelf
) -> None:
    for gone in ids_of(shelf)[:2]:
        shelf.entities[ApiList.TRANSACTIONS].pop(gone)
    assert reconcile(bought, shelf)["found"] == 2
    accept = "UPDATE findings SET state = 'accepted' WHERE subject = :subject"
    with bought.begin() as connection:
        connection.execute(text(accept), {"subject": gone})

    assert reconcile(bought, shelf)["found"] == 1


def test_a_page_that_repeats_once_is_asked_for_again(
    bought: Engine, shelf: Shelf
) -> None:
    shelf.instead = [BROKEN]

    ended = reconcile(bought, shelf)

    assert (ended["state"], ended["seen"], len(shelf.asked)) == ("complete", 5, 4)


def test_a_list_that_goes_on_repeating_ends_partial(
    bought: Engine, shelf: Shelf
) -> None:
    shelf.entities[ApiList.TRANSACTIONS].pop(ids_of(shelf)[-1])

    def repeat() -> None:
        if len(shelf.asked) > 1:
            raise BROKEN

    shelf.meanwhile = repeat
    ended = reconcile(bought, shelf)

    assert (ended["state"], ended["seen"]) == ("partial", 2)
    assert ended["reason"] == "the pages of /transactions do not go forward"
    assert (ended["found"], rows(bought, FINDINGS)) == (0, [])


def test_an_empty_page_in_the_middle_is_a_gap_and_no_end(
    bought: Engine, shelf: Shelf
) -> None:
    shelf.instead = [ListPage((), ids_of(shelf)[2], 5)]

    ended = reconcile(bought, shelf)

    assert (ended["state"], ended["seen"]) == ("partial", 2)
    assert ended["reason"] == "a page in the middle of the list was empty"
    assert (ended["found"], rows(bought, FINDINGS)) == (0, [])


def test_an_empty_list_is_complete(asking: Engine) -> None:
    ended = reconcile(asking, Shelf())

    assert (ended["state"], ended["seen"], ended["requests"]) == ("complete", 0, 1)


def test_a_backfill_notices_a_cut_as_well(asking: Engine) -> None:
    shelf = Shelf(*purchase())
    shelf.cut_after = 0

    ended = reconcile(asking, shelf, RunKind.CUSTOMERS, RunScope.BACKFILL)

    assert (ended["state"], ended["seen"]) == ("partial", 0)


@pytest.mark.parametrize(
    ("cut_after", "gap"),
    [
        pytest.param(None, "", id="the estimate alone is wrong"),
        pytest.param(
            2,
            "the list was cut: it ended after 2 entities and has newer ones",
            id="cut",
        ),
    ],
)
def test_a_dry_run_calls_a_list_cut_where_a_real_one_does(
    bought: Engine,
    shelf: Shelf,
    monkeypatch: pytest.MonkeyPatch,
    cut_after: int | None,
    gap: str,
) -> None:
    shelf.miscounted, shelf.cut_after = 3, cut_after
    monkeypatch.setitem(APIS, "paddle", lambda *_: shelf)

    told, found = walk(bought, settings(), OBJECTS, (WHAT, None), lambda _: None)

    assert (told.gap, told.found, found) == (gap, 0, [])


def test_a_dry_run_calls_missing_what_no_page_has(
    bought: Engine, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, changed, *_ = ids_of(shelf)
    shelf.entities[ApiList.TRANSACTIONS].pop(gone)
    with bought.begin() as connection:
        edit = "UPDATE transactions SET total_minor = 1 WHERE id = :id"
        connection.execute(text(edit), {"id": changed})
    monkeypatch.setitem(APIS, "paddle", lambda *_: shelf)

    told, found = walk(bought, settings(), OBJECTS, (WHAT, None), lambda _: None)

    assert (told.gap, told.found) == ("", 2)
    assert [(one.what, one.about) for one in found] == [
        ("differs_from_provider", changed),
        ("not_at_provider", gone),
    ]
