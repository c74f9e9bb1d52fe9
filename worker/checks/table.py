"""All checks, in their order: sources first, because what they mend the rest sees."""

from collections.abc import Mapping

from worker.checks import access, money, outside, sums
from worker.checks.check import Check

CHECKS: tuple[Check, ...] = (
    *money.CHECKS,
    *access.CHECKS,
    *outside.CHECKS,
    *sums.CHECKS,
)
BY_NAME: Mapping[str, Check] = {check.kind.value: check for check in CHECKS}
