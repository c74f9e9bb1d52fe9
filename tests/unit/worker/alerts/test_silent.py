"""What several tables touch together: at least so much, and nobody twice."""

from worker.alerts.silent import at_least
from worker.alerts.stakes import Stakes


def test_the_same_people_in_several_tables_are_not_added_up() -> None:
    parts = [
        Stakes(3, {"EUR": 500}),
        Stakes(),
        Stakes(2, {"EUR": 700, "USD": 100}, unknown=1),
    ]
    whole = Stakes(3, {"EUR": 700, "USD": 100}, unknown=1, capped=True)
    assert at_least(parts) == whole


def test_what_touches_people_in_one_table_is_told_as_it_is() -> None:
    assert at_least([Stakes(), Stakes(3, {"EUR": 500})]) == Stakes(3, {"EUR": 500})
    assert at_least([Stakes()]) == Stakes()
