"""Puts a destination's secret where this deployment finds it."""

from collections.abc import Collection, Mapping
from pathlib import Path

from worker.connect.env_file import check, locked, write
from worker.connect.errors import ConnectError
from worker.connect.plan import Plan, listed
from worker.connect.step import Step
from worker.setting_files import values_in

STEP = "secret"
NAME = "PADDLE_WEBHOOK_SECRETS"
ENVIRONMENT = "PADDLE_ENVIRONMENT"


def check_place(plan: Plan) -> None:
    """See that a secret could be kept, before there is one.

    Raises:
        PaddlewheelError: The file cannot be written.
    """
    if plan.env_file:
        check(plan.env_file, (ENVIRONMENT, NAME))


def check_shell(file: Path, exported: Mapping[str, str]) -> None:
    """See that nothing that is exported hides what stands in the file.

    Raises:
        ConnectError: It does, and a receiver started here would not read the file's.
    """
    ours, theirs = exported.get(NAME), values_in(file).get(NAME)
    if ours and theirs and listed(ours) != listed(theirs):
        words = (
            f"{NAME} is set in this shell, otherwise than in {file.name}, and that wins."
            f" Type `unset {NAME}`, then the same line again."
        )
        raise ConnectError(STEP, words)


def keep(plan: Plan, secret: str) -> Step:
    """Write a secret into the file, before the others, or return it to be printed.

    None is taken out: another who connects may have written it a moment ago.

    Args:
        plan: Where to, and the secrets so far.
        secret: The one to be there.

    Raises:
        ConnectError: There is none, and without one every delivery is refused.
        PaddlewheelError: The file cannot be written.
    """
    if not secret:
        raise ConnectError(STEP, "Paddle does not tell the secret. Run it again.")
    if plan.env_file is None:
        return _to_be_set(plan, secret)
    with locked(plan.env_file):
        there = listed(values_in(plan.env_file).get(NAME, ""))
        kept = _with(secret, dict.fromkeys([*there, *plan.secrets]))
        values = {ENVIRONMENT: str(plan.environment), NAME: ",".join(kept)}
        if not write(plan.env_file, values):
            return Step(STEP, f"{plan.env_file.name} has it")
    words = f"written into {plan.env_file.name}"
    is_new = secret not in plan.secrets
    return Step(
        STEP, f"{words}: start the receiver anew to use it" if is_new else words
    )


def _with(secret: str, known: Collection[str]) -> list[str]:
    return list(known) if secret in known else [secret, *known]


def _to_be_set(plan: Plan, secret: str) -> Step:
    if secret in plan.secrets:
        return Step(STEP, f"{NAME} has it")
    words = f"set {NAME}={secret}"
    if plan.secrets:
        # Those that are set need not be told again.
        words = f"put this and a comma before what stands in {NAME}:\n{secret}"
    return Step(STEP, words, is_copied=True)
