"""Makes facts safe to show: names, titles and servers' words come from strangers.

What a text may do to HTML is the templates' part: they escape. This takes what no
template can help against: lines that are none, letters that nobody sees or that turn
the writing around, a name as long as a book, and names that mail programs would make
links of, so that a stranger's link would come under the shop's name.
"""

import re
import unicodedata
from collections.abc import Mapping
from urllib.parse import urlsplit

from worker.channels.letter import LONGEST_NAME, without_controls
from worker.errors import PermanentError

#: A sentence; nothing that is told to a person is longer.
LONGEST_FACT = 300
LONGEST_ADDRESS = 2000
#: The shop wrote these itself: "ASP.NET" may stay what it is.
OWN = {"course", "shop"}
#: By its name a fact is an address on the web, for a link.
ADDRESS = "_url"
#: What mail programs make links of: a scheme, an address, a host name, with the dots
#: that names in other writing have too. A time (10:30), a sum (49.00) and the end of a
#: sentence are none.
SCHEME = re.compile(r":(?=/)|(?<=\w):(?=\S)(?!(?<=\d:)\d)")
AT = re.compile(r"(?<=\S)@(?=\S)")
DOT = re.compile(
    r"(?<=\S)\.(?=[^\W\d_])|(?<=\d)\.(?=\d+\.\d)"
    r"|(?i:(?<=www)\.(?=\w))|(?<=\S)[\u3002\uff0e\uff61](?=[A-Za-z])"
)
#: Marks above or below one letter, as writing has them; more grow over other lines.
MOST_MARKS = 3


def plain_facts(facts: Mapping[str, str]) -> dict[str, str]:
    """Return facts that may be shown, each on one line.

    Raises:
        PermanentError: What should be an address on the web is none.
    """
    return {name: _plain(name, value) for name, value in facts.items()}


def _plain(name: str, value: str) -> str:
    if name.endswith(ADDRESS):
        return _address(name, value)
    longest = LONGEST_NAME if name == "name" else LONGEST_FACT
    # Cut first: work on a name of a megabyte is for nobody.
    text = without_controls(value[: 4 * longest])
    text = _few_marks(unicodedata.normalize("NFC", text))
    if name not in OWN:
        text = without_links(text)
    return text[:longest].strip()


def without_links(text: str) -> str:
    """Return a text that mail programs make no link of: ``evil. example``."""
    text = AT.sub(" @ ", SCHEME.sub(": ", text))
    return DOT.sub(r"\g<0> ", text)


def _few_marks(text: str) -> str:
    kept: list[str] = []
    marks = 0
    for character in text:
        marks = marks + 1 if unicodedata.category(character) in {"Mn", "Me"} else 0
        if marks <= MOST_MARKS:
            kept.append(character)
    return "".join(kept)


def _address(name: str, value: str) -> str:
    """Return an address as it is: half of one leads nowhere, or elsewhere."""
    if not value:
        return ""
    try:
        parts = urlsplit(value)
    except ValueError:
        parts = urlsplit("")
    is_good = (
        re.fullmatch(r"[!-~]+", value)
        and len(value) <= LONGEST_ADDRESS
        and parts.scheme in {"https", "http"}
        and parts.hostname
        and "@" not in parts.netloc
    )
    if not is_good:
        message = f"the fact {name} is no address on the web: https://…"
        raise PermanentError(message)
    return value
