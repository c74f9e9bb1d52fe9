"""Finds a learner by whatever a person may know of it."""

from sqlalchemy import Connection, text

from models.people import normalized
from worker.providers.registry import PROVIDERS

# The shop's own names first: a user id may look like anything, an address as well.
_FIND = text("""
SELECT named.learner_id
FROM (
  SELECT 1 AS place, id AS learner_id FROM learners WHERE ref = :text
  UNION ALL
  SELECT CASE kind WHEN 'user' THEN 2 WHEN 'customer' THEN 3 ELSE 4 END, learner_id
  FROM learner_identities
  WHERE (kind = 'user' AND value = :text)
     OR (kind = 'customer' AND value = ANY(:customers))
     OR (kind = 'email' AND value = :email)
) AS named
ORDER BY named.place LIMIT 1
""")
# One that is gone points to its heir, and that one may be a user: two steps, no more.
_RESOLVE = text("""
SELECT coalesce(heir.merged_into, named.merged_into, named.id)
FROM learners named LEFT JOIN learners heir ON heir.id = named.merged_into
WHERE named.id = :id
""")


def find_learner(connection: Connection, name: str) -> int | None:
    """Return the learner whom an operator means, or None: nobody is called so.

    Args:
        connection: Where to look; nothing is changed or locked.
        name: A reference, a user id of the shop, a customer's id with or without its
            provider, or an e-mail address in any case.

    Returns:
        The learner that has the access: where two turned out to be one, that one.
    """
    told = name.strip()
    parameters = {
        "text": told,
        "customers": [told, *(f"{provider}:{told}" for provider in PROVIDERS)],
        "email": normalized(told),
    }
    named = connection.scalar(_FIND, parameters)
    if named is None:
        return None
    found: int = connection.execute(_RESOLVE, {"id": named}).scalar_one()
    return found
