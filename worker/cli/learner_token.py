"""``paddlewheel learner-token``: a signed learner id, to try a checkout with."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from worker.cli.output import console
from worker.errors import PaddlewheelError, SettingsError
from worker.learner_token import sign
from worker.settings import settings


def learner_token(
    user_id: Annotated[str, typer.Argument(help="The user's id in your shop.")],
    days: Annotated[
        int, typer.Option(min=1, max=36_500, help="How long it can be used.")
    ] = 7,
) -> None:
    """Sign a user id for custom_data.learner, as your shop does."""
    config = settings()
    if not config.learner_secrets:
        raise SettingsError("LEARNER_SECRETS is not set: nothing to sign with.")
    secret = config.learner_secrets[0].get_secret_value()
    environment = str(config.paddle_environment)
    try:
        token = sign(
            user_id, environment, secret, timedelta(days=days), datetime.now(UTC)
        )
    except ValueError as error:
        raise PaddlewheelError(str(error)) from None
    console().print(token, markup=False, soft_wrap=True)
