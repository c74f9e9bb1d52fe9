"""Where a message goes over its channel: read at its turn, kept nowhere else.

A WhatsApp number is ``custom_data.whatsapp`` of a purchase, which the shop sets with the
buyer's consent (``docs/integrate.md``). The newest purchase that names it decides, so
that a later one takes it back with an empty text. Renewals do not count: they carry what
their first purchase said.
"""

from sqlalchemy import Connection, text

from models.notices import ChannelName
from models.outgoing import NotificationState
from worker.lifecycle import Ending
from worker.settings import Settings

#: Of a learner, and of who turned out to be the same person. NULL: none, or what stands
#: there is no number (E.164).
NUMBER = r"""
(SELECT CASE WHEN t.custom_data->>'whatsapp' ~ '^\+[1-9][0-9]{{6,14}}$'
          THEN t.custom_data->>'whatsapp' END
 FROM learner_identities i
 JOIN transactions t ON t.provider = split_part(i.value, '\:', 1)
   AND t.customer_id = split_part(i.value, '\:', 2)
 WHERE i.kind = 'customer' AND t.custom_data ? 'whatsapp'
   AND t.origin IN ('web', 'api')
   AND i.learner_id IN (
     SELECT {learner} UNION ALL
     SELECT same.id FROM learners same WHERE same.merged_into = {learner})
 ORDER BY coalesce(t.opened_at, t.clock_updated_at) DESC NULLS LAST, t.id DESC
 LIMIT 1)
"""
_NUMBER = text(f"SELECT {NUMBER.format(learner=':learner')}")
SWITCHED_OFF = Ending(NotificationState.SKIPPED, "WHATSAPP_TOKEN is not set")
TAKEN_BACK = Ending(NotificationState.SKIPPED, "no number any more")


def address_of(
    connection: Connection,
    channel: ChannelName,
    learner: tuple[int, str],
    config: Settings,
) -> str | Ending:
    """Return where a message goes, or how it ends if that is nowhere.

    Args:
        connection: Where to look.
        channel: Over which it goes.
        learner: The learner's id and mail address.
        config: The settings.
    """
    learner_id, mail = learner
    if channel is ChannelName.MAIL:
        return mail
    if config.whatsapp_token is None:
        return SWITCHED_OFF
    number = connection.execute(_NUMBER, {"learner": learner_id}).scalar_one()
    return number or TAKEN_BACK
