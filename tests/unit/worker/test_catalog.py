"""The catalog file: read per environment, and each mistake told with its line."""

from pathlib import Path

import pytest

from models.access import CourseKind
from worker.catalog import CatalogError, CatalogOffer, read_catalog
from worker.settings import ROOT, Environment

LOCAL = "pri_01jd0pyth0nbas1cs0000000a1"
OTHER = "pri_01jd0sq1nd3pth0000000000b2"
GOOD = f"""\
[[courses]]
key = "sql"
title = "SQL"

[[courses]]
key = "book"
title = "The book"
kind = "download"

[[offers]]
courses = ["sql", "book", "sql"]
days = 30
prices.local = "{LOCAL}"
prices.production = ["{OTHER}"]
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "catalog.toml"
    file.write_text(text)
    return file


def test_a_price_gives_what_its_environment_says(tmp_path: Path) -> None:
    file = written(tmp_path, GOOD)
    local = read_catalog(file, Environment.LOCAL)
    live = read_catalog(file, Environment.PRODUCTION)
    assert local.offers == (
        CatalogOffer("paddle", LOCAL, "sql", 30),
        CatalogOffer("paddle", LOCAL, "book", 30),
    )
    assert {offer.price_id for offer in live.offers} == {OTHER}
    assert read_catalog(file, Environment.SANDBOX).offers == ()
    assert [course.kind for course in local.courses] == [
        CourseKind.COURSE,
        CourseKind.DOWNLOAD,
    ]


def test_a_price_may_give_nothing_on_purpose(tmp_path: Path) -> None:
    content = f'[[offers]]\ncourses = []\nprices.local = ["{LOCAL}", "{OTHER}"]\n'
    catalog = read_catalog(written(tmp_path, content), Environment.LOCAL)
    assert catalog.offers == (
        CatalogOffer("paddle", LOCAL, None, None),
        CatalogOffer("paddle", OTHER, None, None),
    )


def test_the_catalog_we_ship_is_right() -> None:
    assert read_catalog(ROOT / "catalog.toml", Environment.LOCAL).offers


COURSE = '[[courses]]\nkey = "sql"\ntitle = "SQL"\n'
#: What the file says, the line of the mistake, and a word of the sentence.
MISTAKES = {
    "no TOML": ("[[courses]\n", 1, ""),
    "unknown table": ('shop = "mine"\n' + COURSE, 1, "shop is not a table"),
    "courses is no table": ("\ncourses = 3\n", 2, "[[courses]]"),
    "bad key": ('[[courses]]\nkey = "Sql Course"\ntitle = "x"\n', 1, "key must be"),
    "key twice": (COURSE + COURSE, 4, '"sql" stands twice'),
    "no title": ('[[courses]]\nkey = "sql"\n', 1, "needs a title"),
    "bad kind": (COURSE + 'kind = "film"\n', 1, "kind must be one of"),
    "unknown field": (COURSE + 'price = "9"\n', 1, "price is unknown here"),
    "no courses": (COURSE + f'[[offers]]\nprices.local = "{LOCAL}"\n', 4, "courses ="),
    "courses are tables": (
        COURSE + f'[[offers]]\ncourses = [{{a = 1}}]\nprices.local = "{LOCAL}"\n',
        4,
        "courses =",
    ),
    "unknown course": (
        COURSE + f'[[offers]]\ncourses = ["sq"]\nprices.local = "{LOCAL}"\n',
        4,
        'has the key "sq"',
    ),
    "no prices": (COURSE + '[[offers]]\ncourses = ["sql"]\n', 4, "needs prices."),
    "unknown environment": (
        COURSE + f'[[offers]]\ncourses = ["sql"]\nprices.live = "{LOCAL}"\n',
        4,
        "prices.live is unknown",
    ),
    "bad price": (
        COURSE + '[[offers]]\ncourses = ["sql"]\nprices.local = "9.99"\n',
        4,
        "is not a price id",
    ),
    "price twice": (
        COURSE + f'[[offers]]\ncourses = ["sql"]\nprices.local = "{LOCAL}"\n' * 2,
        7,
        "stands in line 4 already",
    ),
    "bad days": (
        COURSE + f'[[offers]]\ncourses = ["sql"]\ndays = 0\nprices.local = "{LOCAL}"\n',
        4,
        "days must be",
    ),
    "days is a boolean": (
        COURSE
        + f'[[offers]]\ncourses = ["sql"]\ndays = true\nprices.local = "{LOCAL}"\n',
        4,
        "days must be",
    ),
}


@pytest.mark.parametrize(
    ("text", "line", "word"), MISTAKES.values(), ids=MISTAKES.keys()
)
def test_a_mistake_is_told_with_its_line(
    text: str, line: int, word: str, tmp_path: Path
) -> None:
    with pytest.raises(CatalogError) as caught:
        read_catalog(written(tmp_path, text), Environment.LOCAL)
    (sentence,) = str(caught.value).splitlines()
    assert f"line {line}" in sentence
    assert word in sentence


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    text = '[[courses]]\nkey = "A"\n[[offers]]\ncourses = ["b"]\n'
    with pytest.raises(CatalogError) as caught:
        read_catalog(written(tmp_path, text), Environment.LOCAL)
    assert len(str(caught.value).splitlines()) == 3


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="set CATALOG_FILE"):
        read_catalog(tmp_path / "none.toml", Environment.LOCAL)
