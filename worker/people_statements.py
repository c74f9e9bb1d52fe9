"""The SQL by which people are recognised; see ``worker/people.py``."""

from sqlalchemy import text

from worker.grant_statements import LOCK_ORDER

_ASKED = """unnest(CAST(:providers AS text[]), CAST(:ids AS text[]))
  AS asked(provider, id)"""
_OWN = """own.kind = 'customer' AND own.value = {customer}.provider || ':' || {customer}.id"""
#: What counts for whose a purchase is: money in, or a subscription.
_USED = """
SELECT t.user_id FROM transactions t
WHERE t.provider = {customer}.provider AND t.customer_id = {customer}.id
  AND t.user_id IS NOT NULL AND t.status IN ('paid', 'completed')
UNION
SELECT s.user_id FROM subscriptions s
WHERE s.provider = {customer}.provider AND s.customer_id = {customer}.id
  AND s.user_id IS NOT NULL AND s.clock_event IS NOT NULL
"""
_NEWEST = """c.clock_terminal DESC, c.clock_updated_at DESC, c.clock_status DESC,
    c.clock_occurred_at DESC, c.clock_event COLLATE "C" DESC"""

# By the addresses that the customers have, and those that they are about to have.
NEIGHBOURS = text(f"""
SELECT provider, id FROM customers WHERE email_key = ANY(:emails)
UNION
SELECT other.provider, other.id FROM {_ASKED}
JOIN customers one USING (provider, id)
JOIN customers other ON other.email_key = one.email_key
""")  # noqa: S608 (constants)
# "|| ''": where there are no statistics yet, PostgreSQL would read the index of all
# addresses for each customer.
STANDING = text(f"""
SELECT asked.provider, asked.id, own.learner_id, "user".ref AS merged_user,
       ARRAY(SELECT address.value FROM learner_identities address
             WHERE address.learner_id = own.learner_id AND address.kind || '' = 'email'
             ORDER BY address.value) AS addresses,
       ARRAY({_USED.format(customer="asked")}) AS users
FROM {_ASKED}
LEFT JOIN learner_identities own ON {_OWN.format(customer="asked")}
LEFT JOIN learners person ON person.id = own.learner_id
LEFT JOIN learners "user" ON "user".id = person.merged_into
ORDER BY asked.provider, asked.id
""")  # noqa: S608
# Two customers with one address in two sessions must not make two learners.
LOCK_ADDRESSES = text("""
SELECT pg_advisory_xact_lock(hashtextextended('learner:' || email, 0))
FROM unnest(CAST(:emails AS text[])) AS wanted(email)
""")
FIND = text("""
SELECT kind, value, learner_id FROM learner_identities
WHERE (kind = 'customer' AND value = ANY(:customers))
   OR (kind = 'email' AND value = ANY(:emails))
""")
# Who shares a learner with a customer that moves, and with which address.
COMPANIONS = text("""
SELECT c.provider, c.id, i.learner_id, c.email_key
FROM learner_identities i
JOIN customers c ON c.provider = split_part(i.value, ':', 1)
  AND c.id = substr(i.value, strpos(i.value, ':') + 1)
WHERE i.kind = 'customer' AND i.learner_id = ANY(:learners)
""")
MAKE = text("""
INSERT INTO learners (email, name, locale)
SELECT email, name, locale
FROM unnest(CAST(:emails AS text[]), CAST(:names AS text[]), CAST(:locales AS text[]))
  WITH ORDINALITY AS person(email, name, locale, place)
ORDER BY place
RETURNING id
""")
# An address that none of a learner's customers has any more is somebody else's next:
# a typing error that was corrected must not give the account to whoever it named.
FORGET = text("""
DELETE FROM learner_identities WHERE kind = 'email' AND value = ANY(:emails)
""")
IDENTIFY = text("""
INSERT INTO learner_identities AS known (kind, value, learner_id)
SELECT kind, value, learner_id
FROM unnest(CAST(:kinds AS text[]), CAST(:values AS text[]),
            CAST(:learners AS bigint[])) AS told(kind, value, learner_id)
ON CONFLICT (kind, value) DO UPDATE SET learner_id = excluded.learner_id
""")
# The reference is unique: of two sessions that meet a new user id, one waits here.
MAKE_USERS = text(f"""
INSERT INTO learners (ref, email, name, locale)
SELECT DISTINCT ON (used.user_id) used.user_id, c.email, c.name, c.locale
FROM unnest(CAST(:providers AS text[]), CAST(:ids AS text[]), CAST(:users AS text[]))
  AS used(provider, id, user_id)
JOIN customers c USING (provider, id)
WHERE c.email IS NOT NULL
ORDER BY used.user_id, {_NEWEST}
ON CONFLICT (ref) DO NOTHING
""")  # noqa: S608
IDENTIFY_USERS = text("""
INSERT INTO learner_identities (kind, value, learner_id)
SELECT 'user', ref, id FROM learners WHERE ref = ANY(:users) ORDER BY ref
ON CONFLICT DO NOTHING
""")
LOCK_LEARNERS = text("""
SELECT id FROM learners
WHERE id IN (SELECT unnest(CAST(:learners AS bigint[]))
             UNION SELECT id FROM learners WHERE ref = ANY(:users))
ORDER BY id FOR NO KEY UPDATE
""")
# Two customers of one learner: the one whose snapshot is newest speaks for it, in
# whatever order and batches they come; so it is read from the ledger, under the lock.
NAME = text(f"""
UPDATE learners AS learner
SET email = told.email, name = told.name, locale = told.locale
FROM (
  SELECT DISTINCT ON (i.learner_id) i.learner_id AS id, c.email, c.name, c.locale
  FROM learner_identities i
  JOIN customers c ON c.provider = split_part(i.value, ':', 1)
    AND c.id = substr(i.value, strpos(i.value, ':') + 1)
  WHERE i.kind = 'customer' AND i.learner_id = ANY(:learners)
    AND c.clock_event IS NOT NULL
  ORDER BY i.learner_id, {_NEWEST}
) AS told
WHERE learner.id = told.id
  AND (learner.email, learner.name, learner.locale)
      IS DISTINCT FROM (told.email, told.name, told.locale)
""")  # noqa: S608
NAME_USERS = text(f"""
UPDATE learners AS learner
SET email = told.email, name = told.name, locale = told.locale
FROM (
  SELECT DISTINCT ON (used.user_id) used.user_id AS ref, c.email, c.name, c.locale
  FROM (
    SELECT provider, customer_id AS id, user_id FROM transactions
    WHERE user_id = ANY(:users) AND status IN ('paid', 'completed')
    UNION
    SELECT provider, customer_id, user_id FROM subscriptions
    WHERE user_id = ANY(:users) AND clock_event IS NOT NULL
  ) AS used
  JOIN customers c USING (provider, id)
  WHERE c.clock_event IS NOT NULL
  ORDER BY used.user_id, {_NEWEST}
) AS told
WHERE learner.ref = told.ref
  AND (learner.email, learner.name, learner.locale)
      IS DISTINCT FROM (told.email, told.name, told.locale)
""")  # noqa: S608
# Whoever pointed to one that is gone points to whom it went to: one step, no chain.
GIVE_UP = text("""
UPDATE learners SET merged_into = :heir WHERE id = :learner OR merged_into = :learner
""")
_CUSTOMERS = """
SELECT i.learner_id, c.provider, c.id
FROM learner_identities i
JOIN customers c ON c.provider = split_part(i.value, ':', 1)
  AND c.id = substr(i.value, strpos(i.value, ':') + 1)
WHERE i.kind = 'customer' AND i.learner_id = ANY(:learners)
"""
BELONGINGS = text(f"""
WITH bought AS ({_CUSTOMERS})
SELECT 'transactions' AS source, t.provider, t.id, bought.learner_id
FROM bought JOIN transactions t
  ON t.provider = bought.provider AND t.customer_id = bought.id
UNION ALL
SELECT 'subscriptions', s.provider, s.id, bought.learner_id
FROM bought JOIN subscriptions s
  ON s.provider = bought.provider AND s.customer_id = bought.id
""")  # noqa: S608
USED = text(f"""
WITH bought AS ({_CUSTOMERS})
SELECT bought.learner_id, bought.provider, bought.id, person.merged_into,
       "user".ref AS merged_user, ARRAY({_USED.format(customer="bought")}) AS users
FROM bought
JOIN learners person ON person.id = bought.learner_id
LEFT JOIN learners "user" ON "user".id = person.merged_into
ORDER BY bought.provider, bought.id
""")  # noqa: S608
MERGE = text("""
UPDATE learners AS person SET merged_into = "user".id
FROM unnest(CAST(:learners AS bigint[]), CAST(:users AS text[])) AS told(id, ref)
LEFT JOIN learners "user" ON "user".ref = told.ref
WHERE person.id = told.id
""")
# What a person gave stays with whom it was given to, or who that one is by now.
BY_HAND = text(f"""
SELECT g.id, g.learner_id, g.course_key,
       coalesce(heir.merged_into, home.merged_into, home.id) AS holder
FROM grants g
JOIN learners home ON home.id = coalesce(g.former_learners[1], g.learner_id)
LEFT JOIN learners heir ON heir.id = home.merged_into
WHERE g.source = ANY(:by_hand) AND g.learner_id = ANY(:holders)
  AND g.learner_id <> coalesce(heir.merged_into, home.merged_into, home.id)
ORDER BY {LOCK_ORDER} FOR UPDATE OF g
""")  # noqa: S608
HAND_OVER = text("""
UPDATE grants AS g SET learner_id = told.holder, changed_at = clock_timestamp(),
  former_learners = CASE WHEN g.former_learners @> ARRAY[g.learner_id]
    THEN g.former_learners ELSE array_append(g.former_learners, g.learner_id) END
FROM unnest(CAST(:ids AS bigint[]), CAST(:holders AS bigint[])) AS told(id, holder)
WHERE g.id = told.id
""")
