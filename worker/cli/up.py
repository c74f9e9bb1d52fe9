"""``paddlewheel up``: everything on this machine, until Ctrl-C."""

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from worker.flower_links import flower_url
from worker.processes.console import Console
from worker.processes.interrupt import StopAskedForError, StopRequest
from worker.processes.stack import Stack, Wanted, running
from worker.settings import ROOT, STATE_DIR

FIRST_EVENT = (
    "Send a first event, in a second terminal in this folder:",
    "",
    "  ./paddlewheel send purchase --course python-basics --email ada@example.com",
)
FIRST_PROOF = (
    "Prove the way from Paddle, in a second terminal in this folder, with the address",
    "that a tunnel to the receiver has on the internet:",
    "",
    "  ./paddlewheel connect --environment sandbox --url https://… --env-file .env",
)


def up(
    procfile: Annotated[
        Path, typer.Option(help="What to run.", exists=True, dir_okay=False)
    ] = ROOT / "Procfile.dev",
    state: Annotated[
        Path, typer.Option(help="Where the data is.", file_okay=False)
    ] = STATE_DIR,
    *,
    free_ports: Annotated[
        bool,
        typer.Option("--free-ports", help="Any free ports: for a second one."),
    ] = False,
) -> None:
    """Run everything on this machine, beside a local Paddle or Paddle's sandbox."""
    console = Console()
    stop = StopRequest(again=lambda: console.say("Still stopping, in order …"))
    wanted = Wanted(
        procfile=procfile.resolve(),
        state=state.resolve(),
        free_ports=free_ports,
        console=console,
        stop=stop,
    )
    with stop.listening():
        try:
            with running(wanted) as stack:
                for line in welcome(stack):
                    console.say(line)
                stack.wait()
                console.say("Stopping, in order …")
        except StopAskedForError:
            console.say("Stopped before everything ran.")
        else:
            console.say("Everything has stopped. `make up` goes on from here.")


def welcome(stack: Stack) -> list[str]:
    """Say where everything is and what to do first."""
    config = stack.settings
    auth = config.flower_basic_auth
    user, _, password = (auth.get_secret_value() if auth else "").partition(":")
    database, broker = urlsplit(config.database_url), urlsplit(config.broker_url)
    address = config.paddle_api_url
    paddle = ("local Paddle", address) if address else ("Paddle", "the sandbox account")
    places = (
        ("webhooks", f"{stack.web_url}/webhooks/paddle"),
        ("Flower", f"{flower_url(config)}  user {user}, password {password}"),
        paddle,
        ("mails", config.state_dir / "mail"),
        ("PostgreSQL", f"{database.hostname}:{database.port or 5432}"),
        ("broker", f"{broker.hostname}:{broker.port or 6379}"),
        ("settings", config.state_dir / "env"),
    )
    return [
        "",
        "Paddlewheel runs. Stop it with Ctrl-C.",
        "",
        *(f"  {name:13} {place}" for name, place in places),
        "",
        *(FIRST_EVENT if address else FIRST_PROOF),
        "",
    ]
