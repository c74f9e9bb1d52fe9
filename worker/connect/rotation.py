"""Changes the secret without a gap: the old one works until the new one is proven.

Paddle has one secret for each destination and rotates none. So a second destination is
made, asleep; when the receiver knows both secrets it wakes up, proves itself, and the
first one falls asleep. What comes twice meanwhile is told by its id.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial

from worker.connect import account
from worker.connect.destination import bare
from worker.connect.errors import ConnectError, during
from worker.connect.plan import Plan
from worker.connect.proof import STEP as SIMULATION
from worker.connect.proof import Proof
from worker.connect.secrets import STEP, keep
from worker.providers.paddle.connection import PaddleConnection, Setting


def rotate(api: PaddleConnection, plan: Plan, proof: Proof) -> Iterator[str]:
    """Do the next half of a rotation.

    Raises:
        ConnectError: There is nothing to rotate, or the new one is not proven.
    """
    with during(STEP):
        mine = account.mine(api, plan)
        awake = [one for one in mine if one.active]
        if not awake:
            raise ConnectError(STEP, "there is no active destination: connect first.")
        if plan.dry_run:
            yield "would be changed: a second destination, then this one asleep"
            return
        old = awake[0]
        newer = [one for one in mine if one.id > old.id]
        if not newer:
            yield from _prepare(api, plan)
        else:
            yield from _go_over(api, plan, proof, old, newer[-1])


def _prepare(api: PaddleConnection, plan: Plan) -> Iterator[str]:
    mark = f"secret={datetime.now(UTC):%Y%m%d%H%M%S%f}"
    made = api.add_setting(
        {
            **account.wanted_of(api, plan),
            "active": False,
            "description": account.DESCRIPTION,
            "destination": f"{bare(plan.destination)}?{mark}",
            "type": "url",
            "api_version": 1,
        }
    )
    yield f"{made.id} made, asleep"
    yield keep(plan, made.endpoint_secret_key, account.secrets_of(api))
    yield "start the receiver anew, then run this again to go over"


def _go_over(
    api: PaddleConnection, plan: Plan, proof: Proof, old: Setting, new: Setting
) -> Iterator[str]:
    if new.endpoint_secret_key not in plan.secrets:
        # Prepared, and then killed before it was written down.
        yield keep(plan, new.endpoint_secret_key, account.secrets_of(api))
        yield "start the receiver anew, then run this again to go over"
        return
    wanted = account.wanted_of(api, plan)
    # Awake it would be refused what the old one delivers, for as long as that lasts.
    asleep = partial(api.change_setting, new.id, {"active": False})
    with account.undone(asleep, new.id), during(SIMULATION):
        api.change_setting(new.id, wanted)
        with account.taking_simulations(api, plan, new.id):
            arrived = proof.run(new)
    # Nothing is told before: what is interrupted while it tells goes on with nobody.
    yield f"{new.id} awake, beside {old.id}"
    yield f"with the new secret: {arrived}"
    api.change_setting(old.id, {"active": False})
    yield (
        f"{old.id} asleep. Keep the old secret for three days: what Paddle still"
        " repeats is signed with it"
    )
