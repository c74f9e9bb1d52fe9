"""Changes the secret without a gap: the old one works until the new one is proven.

Paddle has one secret for each destination and rotates none. So a second destination is
made and put to sleep; when the receiver knows both secrets it wakes up, proves itself,
and the first one falls asleep. What comes twice meanwhile is told by its id.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial

from worker.connect import account
from worker.connect.destination import mark_of, marked
from worker.connect.errors import ConnectError, during
from worker.connect.plan import Plan
from worker.connect.proof import STEP as SIMULATION
from worker.connect.proof import Proof
from worker.connect.secrets import STEP, keep
from worker.connect.step import Step
from worker.providers.paddle.connection import PaddleConnection, Setting

_AGAIN = Step(STEP, "start the receiver anew, then run this again to go over")


def rotate(api: PaddleConnection, plan: Plan, proof: Proof) -> Iterator[Step]:
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
            words = "would be changed: a second destination, then this one asleep"
            yield Step(STEP, words)
            return
        old = awake[0]
        mark = mark_of(old.destination)
        newer = [one for one in mine if mark_of(one.destination) > mark]
        if not newer:
            yield from _prepare(api, plan)
        else:
            yield from _go_over(api, plan, proof, awake, newer[-1])


def _prepare(api: PaddleConnection, plan: Plan) -> Iterator[Step]:
    address = marked(plan.destination, datetime.now(UTC))
    made = account.make(api, account.wanted_of(api, plan), address)
    # For a moment it was awake, as Paddle makes them: what it delivered is refused, and
    # comes over the old one too. Killed in between it stays so until this is run again.
    account.lull(api, made)
    yield Step(STEP, f"{made.id} made, asleep")
    yield keep(plan, made.endpoint_secret_key)
    yield _AGAIN


def _go_over(
    api: PaddleConnection,
    plan: Plan,
    proof: Proof,
    awake: Sequence[Setting],
    new: Setting,
) -> Iterator[Step]:
    # Awake it would be refused what the old one delivers, for as long as that lasts.
    asleep = partial(account.lull, api, new)
    if new.endpoint_secret_key not in plan.secrets:
        # Prepared, and then killed before it slept, or before it was written down.
        if new.active:
            asleep()
            words = f"{new.id} put to sleep: no receiver knows its secret yet"
            yield Step(STEP, words)
        yield keep(plan, new.endpoint_secret_key)
        yield _AGAIN
        return
    older = [one for one in awake if one.id != new.id]
    named = ", ".join(one.id for one in older)
    with account.undone(asleep, new.id), during(SIMULATION):
        api.change_setting(new.id, account.wanted_of(api, plan))
        with account.taking_simulations(api, plan, new.id):
            arrived = proof.run(new)
    # Nothing is told before: what is interrupted while it tells goes on with nobody.
    yield Step(STEP, f"{new.id} awake, beside {named}")
    yield Step(STEP, f"with the new secret: {arrived}")
    for one in older:
        account.lull(api, one)
    words = (
        f"{named} asleep. Keep the old secret for three days: what Paddle still"
        " repeats is signed with it"
    )
    yield Step(STEP, words)
