"""What the documentation says of messages is what the code does."""

import re

from models.access import AccessState
from models.notices import NoticeKind
from ops.notices_docs import BEGIN, NOTICES, notices_of
from worker.notices.kinds import KINDS
from worker.notices.reading import READERS
from worker.notices.reasons import DECLINES, REASONS
from worker.notices.samples import EVERY, SAMPLES
from worker.notices.templates import render
from worker.settings import ROOT

STATES = ROOT / "docs" / "states.md"


def test_the_table_of_kinds_is_current() -> None:
    page = NOTICES.read_text()
    assert page.count(BEGIN) == 1
    assert page == notices_of(page), "run `make docs`"


def test_every_kind_is_decided_read_and_shown() -> None:
    assert set(KINDS) == set(READERS) == set(SAMPLES) == set(NoticeKind)


def test_every_reason_of_no_access_has_words_for_the_learner() -> None:
    text = STATES.read_text()
    _, _, after = text.partition("Reasons:\n\n| Reason | State | Means |")
    cells = [line.split("|") for line in after.partition("\n\n")[0].splitlines()[2:]]
    without = {AccessState.SUSPENDED, AccessState.ENDED}
    told = {
        name.strip(" `")
        for _, names, state, *_ in cells
        for name in names.split(" and ")[0].split(",")
        if state.strip() in without
    }
    # What no release of ours knows, and what is told to nobody, has none.
    assert told - {"unknown_status", "no grant"} == set(REASONS)
    for reason in REASONS:
        facts = {**EVERY, **SAMPLES[NoticeKind.SUSPENDED], "reason": reason}
        assert render(NoticeKind.SUSPENDED, facts, "en", None).why


def test_the_page_names_every_code() -> None:
    _, _, after = NOTICES.read_text().partition("| Fact | Codes |")
    table = after.partition("\n\n")[0]
    named = set(re.findall(r"`(\w+)`", table)) - {"reason", "decline"}
    assert named == {*REASONS, *DECLINES}
