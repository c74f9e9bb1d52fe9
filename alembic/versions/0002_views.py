"""Partitions of the bodies, and the views that are public contracts.

``course_access`` is what course platforms read: columns may be added, never changed.
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

PARTITIONS = """
CREATE FUNCTION ensure_inbox_partitions(months_ahead integer) RETURNS integer
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  first date;
  name text;
  made integer := 0;
BEGIN
  FOR n IN 0..months_ahead LOOP
    first := (date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => n))::date;
    name := 'inbox_bodies_' || to_char(first, 'YYYYMM');
    CONTINUE WHEN to_regclass(name) IS NOT NULL;
    BEGIN
      EXECUTE format(
        'CREATE TABLE %I PARTITION OF inbox_bodies FOR VALUES FROM (%L) TO (%L)',
        name, first::timestamp AT TIME ZONE 'UTC',
        (first + interval '1 month')::timestamp AT TIME ZONE 'UTC');
      made := made + 1;
    EXCEPTION WHEN check_violation THEN
      -- The default partition already holds rows of that month: they stay there.
      NULL;
    END;
  END LOOP;
  RETURN made;
END $$
"""

COURSE_ACCESS = """
CREATE VIEW course_access AS
SELECT l.ref AS learner_ref, l.email, e.course_key,
       e.state = 'active' AND (e.access_until IS NULL OR e.access_until > now())
         AS has_access,
       e.state, e.reason, e.access_until, e.version, e.changed_at
FROM enrollments e JOIN learners l ON l.id = e.learner_id
WHERE e.version > 0
"""

#: Money that came in while the price or the person is not known to us. A line that
#: was refunded whole no longer waits for anything.
PARKED = """
CREATE VIEW parked AS
SELECT t.provider, t.id AS transaction_id, l.id AS line_id, l.price_id, t.customer_id,
       CASE WHEN i.learner_id IS NULL THEN 'unknown learner' ELSE 'unknown price' END
         AS reason,
       i.learner_id, l.course, l.total_minor, t.currency,
       coalesce(t.billed_at, t.clock_updated_at) AS since
FROM transactions t
JOIN transaction_lines l ON l.provider = t.provider AND l.transaction_id = t.id
LEFT JOIN learner_identities i
  ON i.kind = 'customer' AND i.value = t.provider || ':' || t.customer_id
WHERE t.status IN ('paid', 'completed')
  AND NOT l.recurring AND NOT l.prorated
  AND (i.learner_id IS NULL
       OR (l.course IS NULL AND NOT EXISTS (
             SELECT FROM offers o
             WHERE o.provider = l.provider AND o.price_id = l.price_id
               AND o.valid_until IS NULL)))
  AND NOT EXISTS (
    SELECT FROM grants g
    WHERE g.provider = t.provider AND g.source_id = t.id AND g.line_id = l.id)
  AND coalesce((
    SELECT sum(al.total_minor) FROM adjustments a
    JOIN adjustment_lines al ON al.provider = a.provider AND al.adjustment_id = a.id
    WHERE a.provider = t.provider AND a.transaction_id = t.id
      AND a.action = 'refund' AND a.status = 'approved' AND al.line_id = l.id
  ), -1) < l.total_minor
"""


def upgrade() -> None:
    """Apply."""
    op.execute("CREATE TABLE inbox_bodies_default PARTITION OF inbox_bodies DEFAULT")
    op.execute(PARTITIONS)
    op.execute("SELECT ensure_inbox_partitions(3)")
    op.execute(COURSE_ACCESS)
    op.execute(PARKED)


def downgrade() -> None:
    """Take back. The partitions go with their table."""
    op.execute("DROP VIEW parked")
    op.execute("DROP VIEW course_access")
    op.execute("DROP FUNCTION ensure_inbox_partitions(integer)")
    op.execute("DROP TABLE inbox_bodies_default")
