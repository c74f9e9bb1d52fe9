"""The settings of a stack on this machine: what is not given is made and remembered.

It runs beside a local Paddle, or beside Paddle's sandbox, which wants an account: its key
and the secret of its destination are given, never made.

Precedence: the caller's own, the environment, ``.env``, then what is made here. With
``DATABASE_URL`` or ``BROKER_URL`` given, no server is started in its place.
"""

import base64
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from worker.errors import SettingsError
from worker.processes.errors import NotLocalError, PortTakenError
from worker.processes.ports import LOOPBACK, free_port, holder, is_free
from worker.setting_files import values_in
from worker.settings import Environment, Settings, environ, refuse_unknown

WEB_PORT = 8080
FLOWER_PORT = 5555
LOCAL_PADDLE_PORT = 8090
MAIL_PORT = 8025
SECRET_BYTES = 24
#: What an account has. For the local Paddle it is made like the rest.
OF_PADDLE = ("PADDLE_API_KEY", "PADDLE_WEBHOOK_SECRETS")


def given_values(overrides: Mapping[str, str], env_file: Path) -> dict[str, str]:
    """Return the settings that somebody gave, by the names of their variables.

    Raises:
        SettingsError: A name that begins with ``PADDLE_`` is none of ours, or what
            belongs to an account is missing.
        NotLocalError: They are for production.
    """
    refuse_unknown((env_file,))
    known = {name.upper() for name in Settings.model_fields}
    found = {**values_in(env_file), **environ(), **overrides}
    given = {name: value for name, value in found.items() if name in known and value}
    given.setdefault("PADDLE_ENVIRONMENT", str(Environment.LOCAL))
    if given["PADDLE_ENVIRONMENT"] == Environment.PRODUCTION:
        message = (
            "PADDLE_ENVIRONMENT is production: `up` is for this machine only. Run the"
            " lines of the Procfile there, or unset it."
        )
        raise NotLocalError(message)
    missing = [] if is_local(given) else [n for n in OF_PADDLE if n not in given]
    if missing:
        raise SettingsError("\n".join(map(_wanted, missing)))
    return given


def _wanted(name: str) -> str:
    if name == "PADDLE_API_KEY":
        return (
            f"{name} is not set: make a key in your sandbox account (docs/connect.md)."
        )
    return f"{name} is not set: `./paddlewheel connect` makes one (docs/connect.md)."


def local_values(
    given: Mapping[str, str], state: Path, *, free_ports: bool = False
) -> dict[str, str]:
    """Return all that a local stack needs but the addresses of its servers.

    Args:
        given: What somebody gave, which stays.
        state: Where the secrets are remembered.
        free_ports: Take any free ports, for a stack beside another one.
    """

    def port(usual: int) -> int:
        return free_port() if free_ports else usual

    # Nobody needs to know the number of this one, so a taken one is simply another.
    mail_port = port(MAIL_PORT) if is_free(MAIL_PORT) else free_port()
    known = remembered_secrets(state / "secrets.json")
    if is_local(given):
        known["PADDLE_API_URL"] = f"http://{LOOPBACK}:{port(LOCAL_PADDLE_PORT)}"
    else:
        known = {name: value for name, value in known.items() if name not in OF_PADDLE}
    return {
        "SMTP_URL": f"smtp://{LOOPBACK}:{mail_port}",
        "MAIL_FROM": "Paddlewheel <courses@localhost>",
        "WEB_PORT": str(port(WEB_PORT)),
        "FLOWER_PORT": str(port(FLOWER_PORT)),
        "LOG_FORMAT": "console",
        "PADDLE_ENVIRONMENT": str(Environment.LOCAL),
        **known,
        **given,
        "STATE_DIR": str(state),
    }


def is_local(values: Mapping[str, str]) -> bool:
    """Tell whether a local Paddle belongs to it."""
    return values.get("PADDLE_ENVIRONMENT", Environment.LOCAL) == Environment.LOCAL


def refuse_taken_ports(values: Mapping[str, str]) -> None:
    """Check that the ports are free.

    Raises:
        PortTakenError: One is not; the message says whose it is and what to do.
    """
    wanted = [
        (int(values["WEB_PORT"]), "the receiver", "WEB_PORT"),
        (int(values["FLOWER_PORT"]), "Flower", "FLOWER_PORT"),
    ]
    if is_local(values):
        port = urlsplit(values["PADDLE_API_URL"]).port or LOCAL_PADDLE_PORT
        wanted.append((port, "the local Paddle", "PADDLE_API_URL"))
    for port, whose, variable in wanted:
        if not is_free(port):
            by = f" by {who}" if (who := holder(port)) else ""
            example = free_port()
            value = f"http://{LOOPBACK}:{example}" if "URL" in variable else example
            message = (
                f"Port {port}, which {whose} needs, is taken{by}: free it, or set"
                f" {variable} to another one, such as {variable}={value}."
            )
            raise PortTakenError(message)


def remembered_secrets(file: Path) -> dict[str, str]:
    """Return the secrets of this folder's stack, made at its first start.

    One that an earlier release did not know is made when it is first missed.
    """
    known: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
    hook_key = base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
    made = {
        "PADDLE_WEBHOOK_SECRETS": f"pdl_ntfset_{secrets.token_urlsafe(SECRET_BYTES)}",
        "PADDLE_API_KEY": f"pdl_local_{secrets.token_urlsafe(SECRET_BYTES)}",
        "PLATFORM_HOOK_SECRET": f"whsec_{hook_key}",
        "FLOWER_BASIC_AUTH": f"admin:{secrets.token_urlsafe(12)}",
        "LEARNER_SECRETS": secrets.token_urlsafe(SECRET_BYTES),
    }
    if made.keys() - known.keys():
        known = {**made, **known}
        write_private(file, json.dumps(known, indent=2))
    return known


def write_env(file: Path, values: Mapping[str, str]) -> None:
    """Write settings where commands in a second terminal find them."""
    quoted = {
        name: value.replace("\\", "\\\\").replace("'", "\\'")
        for name, value in sorted(values.items())
    }
    write_private(file, "".join(f"{n}='{v}'\n" for n, v in quoted.items()))


def write_private(file: Path, text: str) -> None:
    """Write a file that only we can read, whole or not at all."""
    draft = file.with_name(f"{file.name}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as opened:
        opened.write(text)
    draft.replace(file)
