"""Checks of a purchase's total against its lines.

Read whole, a million purchases and their lines would have to be joined. So both sides
are summed in buckets first, each amount times a number that its purchase's id is hashed
to; only purchases of buckets that differ are looked at one by one. Two errors in one
bucket make up for each other only in the ratio of their numbers, which no accident hits.
"""

from models.findings import FindingKind
from worker.checks.check import Among, Check, Severity

BUCKETS = 1024
_SIDE = """
  SELECT hashtext({id}) & {mask} AS bucket,
         sum(total_minor::numeric * hashtext({id})) AS mark
  FROM {table} WHERE total_minor IS NOT NULL GROUP BY 1
"""
_BILLED = _SIDE.format(id="id", table="transactions", mask=BUCKETS - 1)
_LISTED = _SIDE.format(id="transaction_id", table="transaction_lines", mask=BUCKETS - 1)
_DAY = (
    "(coalesce(t.billed_at, t.opened_at, t.clock_updated_at) AT TIME ZONE 'UTC')::date"
)
_SUSPECT = f"hashtext(t.id) & {BUCKETS - 1} IN (SELECT bucket FROM suspect)"  # noqa: S608
_WRONG = f"""
WITH suspect AS MATERIALIZED (
  SELECT bucket FROM ({_BILLED}) AS billed FULL JOIN ({_LISTED}) AS listed USING (bucket)
  WHERE coalesce(billed.mark, 0) <> coalesce(listed.mark, 0)
), wrong AS MATERIALIZED (
  SELECT t.provider, t.id, t.currency, t.total_minor, listed.total_minor AS lines_minor,
         {_DAY} AS day
  FROM transactions t
  CROSS JOIN LATERAL (
    SELECT coalesce(sum(l.total_minor), 0)::bigint AS total_minor
    FROM transaction_lines l
    WHERE l.provider = t.provider AND l.transaction_id = t.id
  ) AS listed
  WHERE AMONG[{{columns}}]
    AND t.status IN ('paid', 'completed') AND t.total_minor <> listed.total_minor
    AND t.clock_updated_at < now() - :patience
)
"""  # noqa: S608 (constants)
_BY_PURCHASE = f"""
{_WRONG.format(columns="t.provider, t.id")}
SELECT id AS subject, NULL AS source, provider, id AS source_id, NULL AS learner_id,
       NULL AS course_key, currency, total_minor - lines_minor AS amount_minor,
       jsonb_build_object('total', total_minor, 'lines', lines_minor) AS detail
FROM wrong
"""  # noqa: S608
_BY_DAY = f"""
{_WRONG.format(columns=_DAY)}
SELECT 'day ' || day || ' ' || currency AS subject, NULL AS source, min(provider) AS provider,
       NULL AS source_id, NULL AS learner_id, NULL AS course_key, currency,
       sum(total_minor - lines_minor)::bigint AS amount_minor,
       jsonb_build_object('total', sum(total_minor), 'lines', sum(lines_minor),
                          'purchases', count(*)) AS detail
FROM wrong GROUP BY day, currency
"""  # noqa: S608

CHECKS = (
    Check(
        FindingKind.TOTALS_DIFFER,
        "A purchase's total is not the sum of its lines, as we have them. `reconcile"
        " transactions` compares it with the provider.",
        Severity.LOOK,
        _BY_PURCHASE,
        among=Among.SOURCES,
        whole=_SUSPECT,
    ),
    Check(
        FindingKind.DAY_TOTALS_DIFFER,
        "A day's sales in a currency are not the sum of what was sold: by so much the"
        " shop's figures of the day are in doubt.",
        Severity.LOOK,
        _BY_DAY,
        among=Among.DAYS,
        whole=_SUSPECT,
    ),
)
