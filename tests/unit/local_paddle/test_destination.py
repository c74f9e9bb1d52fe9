"""The destination of this deployment's receiver is right after each start."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local_paddle.destination import KIND, keep_receiver
from local_paddle.store import Store

OLD, NEW = "http://127.0.0.1:1/webhooks/paddle", "http://127.0.0.1:2/webhooks/paddle"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path)
    yield store
    store.close()


def told(store: Store) -> dict[str, tuple[str, str]]:
    """Return where each destination leads, and what it signs with."""
    return {
        one["id"]: (one["destination"], one["endpoint_secret_key"])
        for one in store.all(KIND)
    }


def test_started_anew_it_is_the_same_destination(store: Store) -> None:
    keep_receiver(store, OLD, "a")
    (made,) = told(store)

    keep_receiver(store, NEW, "b")

    assert told(store) == {made: (NEW, "b")}


def test_a_rotation_that_is_half_done_is_left_as_it_is(store: Store) -> None:
    keep_receiver(store, OLD, "a")
    (first,) = store.all(KIND)
    second = {"id": f"ntfset_{'0' * 26}", "endpoint_secret_key": "b"}
    store.put(KIND, {**first, **second, "destination": f"{OLD}?secret=1"})
    other = {"id": f"ntfset_{'1' * 26}", "destination": "https://elsewhere.example"}
    store.put(KIND, {**first, **other})

    # The newest secret is the first of those that are set.
    keep_receiver(store, NEW, "b")

    assert told(store) == {
        first["id"]: (NEW, "a"),
        second["id"]: (f"{NEW}?secret=1", "b"),
        other["id"]: (other["destination"], "a"),
    }
