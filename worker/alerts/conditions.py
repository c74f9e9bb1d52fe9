"""Every condition that is watched. A new one: a class, a line here, a runbook page."""

from worker.alerts.blind import Blind
from worker.alerts.condition import Condition
from worker.alerts.cursor_age import CursorAge
from worker.alerts.dead_letters import DeadLetters
from worker.alerts.doubtful import Doubtful
from worker.alerts.grave_findings import GraveFindings
from worker.alerts.missed_events import MissedEvents
from worker.alerts.no_deliveries import NoDeliveries
from worker.alerts.not_compared import NotCompared
from worker.alerts.overdue import Overdue
from worker.alerts.parked_money import ParkedMoney
from worker.alerts.refused import Refused
from worker.alerts.schema_drift import SchemaDrift
from worker.alerts.signature_refusals import SignatureRefusals
from worker.alerts.silent import Silent
from worker.alerts.slow_access import SlowAccess
from worker.alerts.waiting import Waiting

#: They read nothing that work could lock or that grows: asked first, whatever it costs.
VITAL: tuple[Condition, ...] = (Silent(), Blind())
CONDITIONS: tuple[Condition, ...] = (
    *VITAL,
    Overdue(),
    DeadLetters(),
    Waiting(),
    ParkedMoney(),
    GraveFindings(),
    SlowAccess(),
    Refused(),
    Doubtful(),
    SignatureRefusals(),
    NoDeliveries(),
    MissedEvents(),
    CursorAge(),
    NotCompared(),
    SchemaDrift(),
)
BY_KIND = {condition.kind: condition for condition in CONDITIONS}
