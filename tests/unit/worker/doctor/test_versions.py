"""Which holes a version of Redis or Valkey has by its number."""

import pytest

from worker.doctor.versions import HOLES

SCRIPTS = "CVE-2025-49844"
URGENT = "Redis' urgent release"


@pytest.mark.parametrize(
    ("kind", "version", "expected"),
    [
        ("redis", (6, 2, 19), {SCRIPTS, URGENT}),
        ("redis", (6, 2, 22), {URGENT}),
        ("redis", (7, 0, 15), {SCRIPTS, URGENT}),
        ("redis", (7, 2, 15), set()),
        ("redis", (8, 0, 6), {URGENT}),
        ("redis", (8, 2, 1), {SCRIPTS, URGENT}),
        ("redis", (8, 8, 0), {URGENT}),
        ("redis", (8, 10, 0), set()),
        (
            "valkey",
            (8, 0, 5),
            {SCRIPTS, "CVE-2026-21863", "CVE-2026-23479", "CVE-2026-63639"},
        ),
        ("valkey", (8, 1, 6), {"CVE-2026-23479", "CVE-2026-63639"}),
        (
            "valkey",
            (9, 0, 1),
            {"CVE-2026-21863", "CVE-2026-27623", "CVE-2026-23479", "CVE-2026-63639"},
        ),
        ("valkey", (9, 0, 3), {"CVE-2026-23479", "CVE-2026-63639"}),
        ("valkey", (9, 0, 5), set()),
        ("valkey", (9, 1, 0), {"CVE-2026-63639"}),
        ("valkey", (9, 1, 1), set()),
        ("valkey", (10, 0, 0), set()),
    ],
)
def test_a_release_has_what_its_line_mended_later(
    kind: str, version: tuple[int, ...], expected: set[str]
) -> None:
    assert {hole.name for hole in HOLES if hole.is_in(kind, version)} == expected
