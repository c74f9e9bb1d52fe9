"""Every channel keeps the contract, against a far side that does not."""

from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from tests.integration.worker.channels.conformance import PERSON, FarSide, Fault
from tests.integration.worker.channels.mail_side import MailSide
from tests.integration.worker.channels.whatsapp_side import WhatsAppSide
from worker.channels.contract import Channel
from worker.channels.deadline import Deadline
from worker.channels.errors import AddressRefusedError, RefusesUsError, UnreachableError
from worker.errors import (
    LostLeaseError,
    PaddlewheelError,
    PermanentError,
    TransientError,
)
from worker.lifecycle import Ending

#: How each far side is made, of what the fixtures have.
SIDES: dict[str, tuple[str, Callable[..., FarSide]]] = {
    "mail": ("mail_server", MailSide),
    "whatsapp": ("cloud_api", WhatsAppSide),
}
#: Enough for whoever answers at all; and what those get who never do.
LONG, SHORT = 30, 0.5


@pytest.fixture(params=SIDES)
def far(request: pytest.FixtureRequest) -> FarSide:
    fixture, make = SIDES[request.param]
    return make(request.getfixturevalue(fixture))


class Begun:
    """Notes what had arrived whenever ``begin`` was called."""

    def __init__(self, far: FarSide) -> None:
        self._far = far
        self.arrived: list[int] = []

    def __call__(self) -> None:
        self.arrived.append(self._far.received())


def delivered(
    far: FarSide, channel: Channel, number: int = 1, seconds: float = LONG
) -> tuple[Ending | PaddlewheelError, list[int]]:
    """Deliver, and return what came of it and what ``begin`` saw."""
    begun = Begun(far)
    try:
        ending = channel.deliver(far.message(number), Deadline(seconds), begun)
    except PaddlewheelError as error:
        return error, begun.arrived
    return ending, begun.arrived


def test_a_message_is_begun_once_before_it_can_be_out(far: FarSide) -> None:
    with far.channel() as channel:
        for number in range(3):
            ending, begun = delivered(far, channel, number)
            assert ending == Ending("sent")
            assert begun == [number]
            assert far.received() == number + 1
    assert far.connections() == 1


def test_a_key_is_passed_over_the_second_time_where_the_far_side_takes_keys(
    far: FarSide,
) -> None:
    with far.channel() as channel:
        for _ in range(2):
            assert delivered(far, channel)[0] == Ending("sent")
    assert far.received() == (1 if channel.takes_key else 2)


def test_what_may_not_begin_is_not_sent_and_the_next_one_is(far: FarSide) -> None:
    def taken_over() -> None:
        raise LostLeaseError("taken over")

    with far.channel() as channel:
        with pytest.raises(LostLeaseError):
            channel.deliver(far.message(1), Deadline(LONG), taken_over)
        assert far.received() == 0
        assert delivered(far, channel, 2) == (Ending("sent"), [0])
    assert far.received() == 1


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault.BUSY, TransientError),
        (Fault.REFUSED, PermanentError),
        (Fault.NOBODY, AddressRefusedError),
        (Fault.US, RefusesUsError),
    ],
)
def test_a_refusal_is_certain_and_of_its_kind(
    far: FarSide, fault: Fault, kind: type[Exception], *, kept: bool
) -> None:
    with far.channel() as channel:
        before = int(kept and delivered(far, channel)[0] == Ending("sent"))
        far.misbehave(fault)
        error, begun = delivered(far, channel, 2)
        assert type(error) is kind
        assert len(begun) <= 1
        assert far.received() == before == kept
        far.misbehave(None)
        assert delivered(far, channel, 2)[0] == Ending("sent")
    assert far.received() == before + 1


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize(
    ("fault", "seconds"), [(Fault.LOST, LONG), (Fault.MUTE, SHORT)]
)
def test_no_answer_after_the_beginning_is_a_doubt(
    far: FarSide, fault: Fault, seconds: float, *, kept: bool
) -> None:
    with far.channel() as channel:
        if kept:
            delivered(far, channel)
        far.misbehave(fault)
        ending, begun = delivered(far, channel, 2, seconds)
        assert isinstance(ending, Ending)
        assert ending.state == "doubtful"
        assert ending.reason
        assert len(begun) == 1
        far.misbehave(None)
        assert delivered(far, channel, 3)[0] == Ending("sent")
    assert far.received() == 2 + kept


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("fault", [Fault.SILENT, Fault.SLOW])
def test_a_far_side_without_an_end_is_left_by_the_deadline(
    far: FarSide, fault: Fault, *, kept: bool
) -> None:
    with far.channel() as channel:
        if kept:
            delivered(far, channel)
        far.misbehave(fault)
        came, begun = delivered(far, channel, 2, SHORT)
        # Before the message may be out it is an error, after that a doubt.
        if isinstance(came, Ending):
            assert came.state == "doubtful"
            assert len(begun) == 1
        else:
            assert isinstance(came, TransientError)
        far.misbehave(None)
        assert delivered(far, channel, 3)[0] == Ending("sent")


def test_who_is_not_there_is_unreachable_and_nothing_begins(far: FarSide) -> None:
    with far.nowhere() as channel:
        error, begun = delivered(far, channel)
    assert type(error) is UnreachableError
    assert begun == []


def test_a_kept_connection_that_died_is_replaced(far: FarSide) -> None:
    with far.channel() as channel:
        for number in range(3):
            assert delivered(far, channel, number) == (Ending("sent"), [number])
            far.cut()
    assert far.received() == 3
    assert far.connections() == 3


@pytest.mark.parametrize("address", ["no address", "a@b\r\nRCPT TO:<c@d>", ""])
def test_an_address_that_is_none_goes_nowhere(far: FarSide, address: str) -> None:
    begun = Begun(far)
    with far.channel() as channel, pytest.raises(PermanentError):
        channel.deliver(far.message(1, address or " "), Deadline(LONG), begun)
    assert begun.arrived == []
    assert far.connections() == 0


@pytest.mark.parametrize("fault", [*Fault, None])
def test_nobody_is_named_in_errors_and_logs(far: FarSide, fault: Fault | None) -> None:
    with capture_logs() as lines, far.channel() as channel:
        far.misbehave(fault)
        seconds = SHORT if fault in {Fault.SILENT, Fault.SLOW, Fault.MUTE} else LONG
        came, _ = delivered(far, channel, 1, seconds)
    told = f"{came!s} {lines!r}"
    assert not [secret for secret in PERSON if secret.lower() in told.lower()]
