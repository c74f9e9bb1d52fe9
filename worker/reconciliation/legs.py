"""Which leg each kind of run goes on."""

from collections.abc import Mapping

from models.reconciliation import RunKind
from worker.reconciliation.events import Events
from worker.reconciliation.inside import Inside
from worker.reconciliation.objects import OBJECTS
from worker.reconciliation.run import Leg

LEGS: Mapping[RunKind, Leg] = {
    RunKind.EVENTS: Events(),
    RunKind.ACCESS: Inside(),
    **OBJECTS,
}
