"""Where the fixtures are; each kind lives in a file of its own in ``fixtures/``."""

import os

from hypothesis import HealthCheck, settings

# How long an example takes says how busy the machine is, and nothing of the code. The
# suite tries the same examples each time, so that a change that breaks nothing is never
# refused; `make histories` looks for new ones.
settings.register_profile(
    "calm",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="HISTORY_STEPS" not in os.environ,
    print_blob=True,
)
settings.load_profile("calm")

pytest_plugins = [
    # Before those that import it: what it asserts is rewritten when it is loaded.
    "tests.fixtures.processes",
    "tests.fixtures.servers",
    "tests.fixtures.answering",
    "tests.fixtures.cloud_api",
    "tests.fixtures.workers",
    "tests.fixtures.database",
    "tests.fixtures.configuration",
    "tests.fixtures.leaks",
    "tests.fixtures.logs",
    "tests.fixtures.mail_server",
    "tests.fixtures.platform",
    "tests.fixtures.receivers",
    "tests.fixtures.sentry",
    "tests.fixtures.timetable",
]
