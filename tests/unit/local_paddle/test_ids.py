"""Ids in Paddle's shape that sort by creation."""

from local_paddle.ids import Ids, is_paddle_id, stable_id


def test_ids_increase_strictly() -> None:
    ids = Ids()
    made = [ids.new("evt") for _ in range(5_000)]
    assert made == sorted(set(made))


def test_ids_have_prefix_and_twenty_six_characters() -> None:
    assert is_paddle_id(Ids().new("ntf"), "ntf")
    assert not is_paddle_id(Ids().new("ntf"), "evt")


def test_a_stable_id_is_the_same_for_the_same_name() -> None:
    assert stable_id("pro", "a") == stable_id("pro", "a") != stable_id("pro", "b")
    assert is_paddle_id(stable_id("pro", "a"), "pro")


def test_what_is_no_text_is_no_id() -> None:
    assert not is_paddle_id(["txn_01hv8wptq8987qeep44cyrewp9"], "txn")
