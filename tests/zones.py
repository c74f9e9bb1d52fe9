"""Five zones, and a moment at which the clocks of each jump."""

from datetime import UTC, datetime

#: By an hour at night, forth and back; by an hour at midnight; by half an hour; and in
#: a country where the hour is given back for a month.
JUMPS = {
    "Europe/Berlin": datetime(2026, 10, 25, 1, tzinfo=UTC),
    "America/New_York": datetime(2026, 3, 8, 7, tzinfo=UTC),
    "America/Santiago": datetime(2026, 9, 6, 4, tzinfo=UTC),
    "Australia/Lord_Howe": datetime(2026, 4, 4, 15, tzinfo=UTC),
    "Africa/Casablanca": datetime(2026, 3, 22, 2, tzinfo=UTC),
}
