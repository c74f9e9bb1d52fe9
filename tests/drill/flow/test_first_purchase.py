"""docs/connect.md, step by step: every process, and a Paddle as strict as it can be.

From a destination that is not there to "a purchase gave access", with what a person
types and nothing else.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from dotenv import dotenv_values

from tests.fixtures.processes import Up, eventually
from worker.settings import ROOT, environ

pytestmark = pytest.mark.drill

PROCFILE = (ROOT / "Procfile.dev").read_text()
PRICE = "pri_01jd0pyth0nbas1cs0000000a1"
COURSE = "python-basics"
#: What step 2 asks for, and nothing beside it.
PERMISSIONS = [
    *(
        f"{entity}.read"
        for entity in (
            "product",
            "price",
            "discount",
            "customer",
            "transaction",
            "subscription",
            "adjustment",
            "notification",
        )
    ),
    *(
        f"{entity}.{verb}"
        for entity in ("notification_setting", "notification_simulation")
        for verb in ("read", "write")
    ),
    "customer.write",
    "transaction.write",
]
PAGE = "http://localhost:8000/pay.html"


class Person:
    """Types commands, and clicks in Paddle's dashboard."""

    def __init__(self, up: Up) -> None:
        written = dotenv_values(up.state / "env")
        self.env = {name: value for name, value in written.items() if value}
        self.env_file = up.folder / "mine.env"

    def types(self, *words: str) -> tuple[int, str, str]:
        """Run a command; return its exit code and what it said."""
        ran = subprocess.run(
            [sys.executable, "-m", "worker.cli.main", *words],
            cwd=ROOT,
            env={**environ(), **self.env, "LOG_LEVEL": "ERROR"},
            capture_output=True,
            text=True,
            check=False,
        )
        return ran.returncode, ran.stdout, ran.stderr

    def reads(self, *words: str) -> Any:
        """Run a command; return its JSON."""
        _, out, err = self.types(*words, "--json")
        assert out, err
        return json.loads(out)

    def clicks(self, **settings: object) -> None:
        """Set something that only a person can."""
        address = f"{self.env['PADDLE_API_URL']}/local/dashboard"
        key = {"Authorization": f"Bearer {self.env['PADDLE_API_KEY']}"}
        httpx.post(address, json=settings, headers=key).raise_for_status()

    def connects(self, port: str) -> list[dict[str, Any]]:
        """Connect with the receiver on this machine."""
        url = f"http://127.0.0.1:{port}"
        where = ("--environment", "local", "--url", url)
        steps: list[dict[str, Any]] = self.reads(
            "connect", *where, "--env-file", str(self.env_file)
        )
        return steps


def has_access(person: Person) -> bool:
    found = person.types("explain", "user-42", "--json")[1]
    why = json.loads(found)["why"] if found else []
    return any(one["course"] == COURSE and one["has_access"] for one in why)


def connected(person: Person) -> None:
    """Go the way up to the proof, with a key that lacks something first."""
    person.clicks(default_payment_link=None, approved_domains=[], permissions=[])
    lacking = person.connects(person.env["WEB_PORT"])[-1]
    assert "the key lacks" in lacking["words"]
    person.clicks(permissions=PERMISSIONS)

    assert person.connects(person.env["WEB_PORT"])[-1]["words"].endswith("works")
    secret = dotenv_values(person.env_file)["PADDLE_WEBHOOK_SECRETS"]
    assert secret == person.env["PADDLE_WEBHOOK_SECRETS"]


def opened(person: Person) -> str:
    """Open a checkout, once its page is set; return its transaction."""
    wish = ("checkout", "create", "--price", PRICE, "--learner", "user-42")
    named = (*wish, "--reference", "first")
    code, _, err = person.types(*named)
    assert (code, "default payment link" in err) == (1, True)
    person.clicks(default_payment_link=PAGE)
    found: dict[str, str] = person.reads(*named)
    assert found["url"] == f"{PAGE}?_ptxn={found['transaction_id']}"
    assert person.reads(*named) == found
    return found["transaction_id"]


def test_the_ten_steps_lead_to_access(up: Up) -> None:
    up.start(PROCFILE).ready()
    person = Person(up)
    connected(person)

    pay = ("send", "pay", opened(person), "--email", "ada@example.com")
    code, _, err = person.types(*pay)

    assert code == 0, err
    eventually(lambda: has_access(person))
    mails = Path(up.state / "mail")
    eventually(lambda: any(mails.glob("*.eml")))
    told = person.reads("doctor")["checks"]
    assert [one for one in told if one["severity"] == "broken"] == []
