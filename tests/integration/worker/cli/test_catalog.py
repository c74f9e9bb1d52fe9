"""``paddlewheel catalog``: the file into force, prices into the file, and what is sold."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner, Result

from tasks.activate import activate
from tasks.record import record
from tasks.release import release
from tests.catalog import catalog_text
from tests.factories import add_events, one, rows
from tests.purchases import ONE_OFF_PRICE, Body, published, transaction
from worker.catalog import CatalogError
from worker.cli.catalog import group
from worker.settings import Settings

Run = Callable[..., Result]
OTHER = "pri_01jd0sq1nd3pth0000000000b2"
COMMENTED = """\
# Ours.

[[courses]]
key = "sql"       # the short one
title = "SQL"
"""
PRODUCT = "pro_01gsz4t5hdjse780zja8vvr7jg"


@pytest.fixture
def file(core: Engine, configured: Callable[..., Settings], tmp_path: Path) -> Path:
    """A catalog file that gives nothing yet."""
    made = tmp_path / "catalog.toml"
    made.write_text(COMMENTED)
    configured(catalog_file=made)
    return made


@pytest.fixture
def run(file: Path) -> Run:
    """Return a function that runs the command; what it raises is in the result."""
    return lambda *words: CliRunner().invoke(group, words)


def tell(engine: Engine, *bodies: Body) -> None:
    add_events(engine, bodies)
    record([], 1)
    activate([], 1)


def bought() -> list[Body]:
    return [published("customer.created"), transaction("transaction.completed", None)]


def sold(kind: str, entity: str, **data: Any) -> Body:
    """An event about a product or price."""
    return {
        "event_id": f"evt_{kind}_{entity}",
        "event_type": f"{kind}.updated",
        "occurred_at": "2026-03-01T00:00:00Z",
        "data": {"id": entity, "updated_at": "2026-03-01T00:00:00Z", **data},
    }


def offers(engine: Engine) -> list[tuple[Any, ...]]:
    return rows(
        engine,
        "SELECT price_id, course_key, days, version FROM offers"
        " WHERE valid_until IS NULL ORDER BY 1, 2",
    )


def test_a_dry_run_tells_the_difference_and_changes_nothing(
    run: Run, core: Engine, file: Path
) -> None:
    file.write_text(catalog_text("old"))
    run("apply")
    tell(core, *bought())
    before = rows(core, "SELECT * FROM offers")
    file.write_text(catalog_text("new", days=30))

    told = json.loads(run("apply", "--dry-run", "--existing", "--json").output)

    assert [offer["course_key"] for offer in told["opened"]] == ["new"]
    assert [offer["course_key"] for offer in told["closed"]] == ["old"]
    assert [course["key"] for course in told["courses"]] == ["new"]
    assert (told["dry_run"], told["existing"]) == (True, 1)
    assert rows(core, "SELECT * FROM offers") == before
    assert one(core, "SELECT count(*) FROM courses WHERE key = 'new'") == 0


def test_existing_takes_over_what_was_given(run: Run, core: Engine, file: Path) -> None:
    file.write_text(catalog_text("old"))
    run("apply")
    tell(core, *bought())
    file.write_text(catalog_text("new"))

    told = json.loads(run("apply", "--existing", "--json").output)
    activate([], 1)

    assert told["existing"] == 1
    assert rows(core, "SELECT course_key FROM course_access WHERE has_access") == [
        ("new",)
    ]


def test_apply_says_what_it_did_in_a_sentence(run: Run, file: Path) -> None:
    file.write_text(catalog_text("python", "sql"))

    shown = run("apply").output

    assert "2 courses changed, 2 offers opened, 0 closed." in shown
    assert ONE_OFF_PRICE in shown
    assert "0 courses changed, 0 offers opened, 0 closed." in run("apply").output


def test_a_price_is_mapped_and_the_file_keeps_what_stands_in_it(
    run: Run, core: Engine, file: Path
) -> None:
    tell(core, *bought())

    words = (
        "map",
        ONE_OFF_PRICE,
        "python",
        "sql",
        "--days",
        "30",
        "--title",
        'A "B" ü',
    )
    shown = run(*words).output

    assert file.read_text().startswith(COMMENTED)
    assert "1 paid line of 1 buyer waited for it" in " ".join(shown.split())
    assert offers(core) == [
        (ONE_OFF_PRICE, "python", 30, 1),
        (ONE_OFF_PRICE, "sql", 30, 1),
    ]
    assert one(core, "SELECT title FROM courses WHERE key = 'python'") == 'A "B" ü'
    assert release() == "1 released"


def test_the_file_may_end_anyhow(run: Run, core: Engine, file: Path) -> None:
    file.write_bytes(COMMENTED.rstrip("\n").replace("\n", "\r\n").encode())

    run("map", ONE_OFF_PRICE, "sql")

    assert b"\n" not in file.read_bytes().replace(b"\r\n", b"")
    assert offers(core) == [(ONE_OFF_PRICE, "sql", None, 1)]


#: What is typed, and a word of the sentence.
REFUSED = {
    "no price": (("map", "9.99", "sql"), "is not a price id"),
    "no key": (("map", ONE_OFF_PRICE, "Sql Course"), "a course's key"),
    "days": (("map", ONE_OFF_PRICE, "sql", "--days", "0"), "days must be"),
    "title of nothing": (("map", ONE_OFF_PRICE, "sql", "--title", "x"), "--title"),
    "title of two": (("map", ONE_OFF_PRICE, "a", "b", "--title", "x"), "--title"),
    "days of nothing": (("map", ONE_OFF_PRICE, "--nothing", "--days", "9"), "--days"),
    "not a word": (("map", ONE_OFF_PRICE), "or say --nothing"),
    "both": (("map", ONE_OFF_PRICE, "sql", "--nothing"), "or say --nothing"),
    "odd title": (("map", ONE_OFF_PRICE, "a", "--title", "x\ty"), "printable"),
}


@pytest.mark.parametrize(("words", "word"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_mapped_changes_nothing(
    run: Run, core: Engine, file: Path, words: tuple[str, ...], word: str
) -> None:
    result = run(*words)

    assert isinstance(result.exception, CatalogError)
    assert word in str(result.exception)
    assert file.read_text() == COMMENTED
    assert offers(core) == []


def test_a_price_that_stands_in_the_file_is_not_added_again(
    run: Run, file: Path
) -> None:
    run("map", ONE_OFF_PRICE, "sql")
    text = file.read_text()

    result = run("map", ONE_OFF_PRICE, "python")

    assert "stands in catalog.toml already" in str(result.exception)
    assert file.read_text() == text


def test_a_missing_file_is_a_sentence(run: Run, file: Path) -> None:
    file.unlink()
    assert "does not exist" in str(run("map", ONE_OFF_PRICE, "sql").exception)


@pytest.mark.parametrize("kind", ["price", "product"])
def test_file_and_provider_contradicting_is_an_error_that_names_both(
    run: Run, core: Engine, file: Path, kind: str
) -> None:
    named = {"custom_data": {"course": "sql"}}
    price_says, product_says = (named, {}) if kind == "price" else ({}, named)
    tell(
        core,
        sold("product", PRODUCT, **product_says),
        sold("price", ONE_OFF_PRICE, product_id=PRODUCT, **price_says),
    )

    mapped = run("map", ONE_OFF_PRICE, "python")
    assert file.read_text() == COMMENTED
    file.write_text(catalog_text("python"))
    applied = run("apply")

    for result in (mapped, applied):
        assert f"{ONE_OFF_PRICE} gives python by the catalog file and sql by" in str(
            result.exception
        )
    assert offers(core) == []


def test_a_price_speaks_before_its_product_and_a_bundle_may_hold_more(
    run: Run, core: Engine, file: Path
) -> None:
    tell(
        core,
        sold("product", PRODUCT, custom_data={"course": "other"}),
        sold(
            "price",
            ONE_OFF_PRICE,
            product_id=PRODUCT,
            custom_data={"course": "python"},
        ),
    )

    file.write_text(catalog_text("sql", "python"))

    assert run("apply").exception is None
    assert len(offers(core)) == 2


def test_at_the_time_of_an_event_the_file_wins(
    run: Run, core: Engine, file: Path
) -> None:
    run("map", ONE_OFF_PRICE, "sql")

    tell(core, published("customer.created"), transaction("transaction.completed"))

    assert rows(core, "SELECT course_key FROM course_access") == [("sql",)]


def test_bought_prices_without_a_course_come_first(
    run: Run, core: Engine, file: Path
) -> None:
    file.write_text(catalog_text("sql", days=30, price=OTHER))
    run("apply")
    cycle = {"interval": "month", "frequency": 3}
    unit = {"amount": "4900", "currency_code": "EUR"}
    tell(
        core,
        *bought(),
        sold("product", PRODUCT, name="Databases"),
        sold("price", OTHER, product_id=PRODUCT, unit_price=unit, billing_cycle=cycle),
        sold("price", "pri_01jd0bund1e0000000000000c3", custom_data={"course": "x"}),
    )

    listed = json.loads(run("list", "--json").output)
    shown = run("list").output

    assert [row["price_id"] for row in listed] == [
        ONE_OFF_PRICE,
        "pri_01jd0bund1e0000000000000c3",
        OTHER,
    ]
    first, named, known = listed
    assert (first["bought"], first["courses"]) == (1, [])
    assert not any(row["on_purpose"] for row in listed)
    assert (named["named_course"], named["bought"]) == ("x", 0)
    assert known["courses"] == [{"course": "sql", "days": 30, "version": 1}]
    assert (known["product"], known["amount_minor"]) == ("Databases", 4900)
    for word in (OTHER, "Databases", "49.00 EUR", "per 3 months", "sql, 30 d, v1"):
        assert word in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_a_price_that_gives_nothing_on_purpose_is_said_to(
    run: Run, core: Engine, file: Path
) -> None:
    tell(core, *bought())

    mapped = run("map", ONE_OFF_PRICE, "--nothing").output
    applied = run("apply").output
    listed = json.loads(run("list", "--json").output)

    assert f"{ONE_OFF_PRICE} gives nothing, on purpose: in catalog.toml" in mapped
    assert "1 paid line of 1 buyer waited for it: it waits no longer." in mapped
    assert file.read_text().endswith(
        f'[[offers]]\ncourses = []\nprices.local = "{ONE_OFF_PRICE}"\n'
    )
    assert "0 offers opened, 0 closed." in applied
    assert rows(core, "SELECT * FROM parked") == []
    assert [(row["courses"], row["on_purpose"]) for row in listed] == [([], True)]
    assert "nothing, on purpose" in run("list").output
    file.write_text(COMMENTED)
    assert "nothing" in run("apply").output


def test_an_open_checkout_is_not_bought(run: Run, core: Engine) -> None:
    tell(core, transaction("transaction.ready", None))

    [row] = json.loads(run("list", "--json").output)

    assert (row["price_id"], row["bought"]) == (ONE_OFF_PRICE, 0)
