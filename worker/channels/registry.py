"""The ways to people that there are, each opened for one run of the task."""

from collections.abc import Callable, Mapping

from models.notices import ChannelName
from worker.channels.contract import Channel
from worker.channels.mail import Mail
from worker.channels.whatsapp import WhatsApp
from worker.settings import Settings

CHANNELS: Mapping[ChannelName, Callable[[Settings], Channel]] = {
    ChannelName.MAIL: Mail.of,
    ChannelName.WHATSAPP: WhatsApp.of,
}
