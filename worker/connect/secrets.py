"""Puts a destination's secret where this deployment finds it."""

import re
from collections.abc import Collection, Sequence

from worker.connect.env_file import write
from worker.connect.errors import ConnectError
from worker.connect.plan import Plan

STEP = "secret"
NAME = "PADDLE_WEBHOOK_SECRETS"
#: Paddle writes the destination's id into its secret; the rest is secret.
_OPEN = re.compile(r"pdl_ntfset_[a-z\d]{26}(?=_)|.{0,4}")


def keep(plan: Plan, secret: str, listed: Collection[str]) -> str:
    """Write a secret into the file, before the others, or return it to be printed.

    Args:
        plan: Where to, and the secrets so far.
        secret: The one to be there.
        listed: Those of all destinations of the account.

    Raises:
        ConnectError: There is none, and without one every delivery is refused.
    """
    if not secret:
        raise ConnectError(STEP, "Paddle does not tell the secret. Run it again.")
    kept, gone = with_newest(secret, plan.secrets, listed)
    named = ", ".join(map(_named, gone))
    left_out = f"; left out, as no destination has them: {named}" if gone else ""
    if plan.env_file is None:
        if secret in plan.secrets:
            return f"{NAME} has it"
        return f"set {NAME}={','.join(kept)}{left_out}"
    wanted = {"PADDLE_ENVIRONMENT": str(plan.environment), NAME: ",".join(kept)}
    if not write(plan.env_file, wanted):
        return f"{plan.env_file.name} has it"
    told = f"written into {plan.env_file.name}: start the receiver anew to use it"
    return f"{told}{left_out}"


def with_newest(
    secret: str, known: Sequence[str], listed: Collection[str]
) -> tuple[list[str], list[str]]:
    """Return the secrets with this one among them, and those that are left out.

    A new one comes first, and lets go what no destination signs with any more.
    """
    if secret in known:
        return list(known), []
    kept = [one for one in known if one in listed]
    return [secret, *kept], [one for one in known if one not in listed]


def _named(secret: str) -> str:
    found = _OPEN.match(secret)
    return f"{found[0] if found else ''}…"
