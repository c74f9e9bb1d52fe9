"""What the demo's shop sells, as its catalog file says.

Read on its own, not through Paddlewheel's reader: what it says is held against what
Paddlewheel made of it.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).parent / "catalog.toml"

BASICS = "pri_01jd0pyth0nbas1cs0000000a1"
SQL = "pri_01jd0sq1nd3pth0000000000b2"
#: Python basics, SQL in depth and the workbook.
BUNDLE = "pri_01jd0bund1e0000000000000c3"
#: For 30 days.
EXAM = "pri_01jd0exam00000000000000d4x"
#: An event.
WORKSHOP = "pri_01jd0w0rksh0p00000000000e5"
CLUB = "pri_01jd0c1ub000000000000000f6"
CLUB_TRIED_FIRST = "pri_01jd0c1ubtr1a10000000000g7"
#: The club and a mentor.
MENTOR = "pri_01jd0c1ubment0r000000000h8"
#: Nobody has put it into the catalog file: what it sells waits, parked.
UNKNOWN = "pri_01jd0n0b0dykn0ws00000000z9"


@dataclass(frozen=True, slots=True)
class Goods:
    """What has to be known of prices and courses to say who has access."""

    #: By price how many days it gives access; of the others it is for good.
    days: dict[str, int]
    #: Courses of which each seat counts.
    events: frozenset[str]


def read_goods() -> Goods:
    """Read the demo's catalog file."""
    content = tomllib.loads(FILE.read_text(encoding="utf-8"))
    days = {}
    for offer in content["offers"]:
        prices = offer["prices"]["local"]
        for price in [prices] if isinstance(prices, str) else prices:
            if "days" in offer:
                days[price] = offer["days"]
    events = {c["key"] for c in content["courses"] if c.get("kind") == "event"}
    return Goods(days, frozenset(events))
