"""Makes a text harmless for whoever shows it: terminals, mail, chat, pagers.

Each service reads some text as more than text. What apprise escapes differs from one
to the next (HTML for mail and Telegram, ``&``, ``<`` and ``>`` for Slack, nothing for
Discord), so that what starts a mention, a tag or a disguised link is broken up here,
by a character of no width: it looks the same and does nothing.
"""

import re

from worker.log_records import ESCAPES

MOST_TITLE_CHARS = 200
#: Below the limits of the usual services (Google Chat and Mattermost 4,000, Telegram
#: 4,096); smaller ones (Discord 2,000, pagers 1,024) are seen to when it is sent.
MOST_BODY_CHARS = 3_800
CUT = "…"
_WORD_JOINER = "\N{WORD JOINER}"
#: ``@everyone``, ``<!channel>``, ``<b>``; and ``[text](address)`` between its halves.
_STARTS = re.compile(r"[@<](?=\S)|\](?=\()")
_LINE_ENDS = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_VISIBLE = {code: shown for code, shown in ESCAPES.items() if code != ord("\n")}


def inert_line(text: str) -> str:
    """Return a title: one line, harmless, cut."""
    return inert(text, MOST_TITLE_CHARS).replace("\n", " ")


def inert(text: str, most: int = MOST_BODY_CHARS) -> str:
    """Return a text of several lines, harmless, cut to so many characters."""
    lines = _LINE_ENDS.sub("\n", text[: most + 1]).replace("\t", " ")
    shown = _STARTS.sub(rf"\g<0>{_WORD_JOINER}", lines.translate(_VISIBLE))
    return shortened(shown, most)


def before_inert(text: str) -> str:
    """Return a name as it was, of a command that somebody has copied from a message."""
    return text.replace(_WORD_JOINER, "")


def shortened(text: str, most: int) -> str:
    """Cut a text so that a reader sees that it goes on."""
    return text if len(text) <= most else text[: max(most - 1, 0)].rstrip() + CUT
