"""What every notice looks like stands in the documentation, as it is today."""

from models.notices import NoticeKind
from ops.notices_looks import NOTIFICATIONS, notifications_of
from ops.notices_pictures import PICTURES, WIDTH

#: Of one picture; all are loaded with the page.
MOST_BYTES = 30_000


def test_the_page_shows_every_notice_as_it_is() -> None:
    text = NOTIFICATIONS.read_text()
    assert notifications_of(text) == text, "python -m ops.notices_looks"


def test_every_kind_has_a_small_picture_of_a_phones_width() -> None:
    assert {one.stem for one in PICTURES.iterdir()} == set(map(str, NoticeKind))
    for picture in PICTURES.iterdir():
        data = picture.read_bytes()
        assert len(data) < MOST_BYTES
        assert int.from_bytes(data[16:20]) == WIDTH
