"""What a running Asterisk's dialplan functions say of its configuration.

ARI evaluates functions on a channel only, so one is made for it, which calls nobody.
"""

import contextlib
from collections.abc import Iterable, Mapping
from typing import Final
from uuid import uuid4

from asterisk.ari import requests
from asterisk.ari.client import AriClient
from asterisk.ari.naming import PREFIX
from asterisk.errors import AriRefused, AsteriskError
from asterisk.params import AriParams

PROBE_APPLICATION: Final = "voiceai-probe"
"""An application of its own: a channel whose application has no listener is gone at once."""

PROBE_SECONDS: Final = 10
"""So long the channel lives at most, should nobody delete it."""


async def evaluate(params: AriParams, expressions: Iterable[str]) -> Mapping[str, str]:
    """Return what the expressions are in an Asterisk.

    Args:
        params: How to reach it.
        expressions: Such as ``DIALPLAN_EXISTS(default)``.

    Returns:
        By expression; one whose function is not loaded is absent. Never raises because of
        Asterisk.
    """
    values: dict[str, str] = {}
    probe = params.model_copy(update={"app": PROBE_APPLICATION})
    channel_id = f"{PREFIX}probe-{uuid4().hex}"
    with contextlib.suppress(AsteriskError):
        async with AriClient(probe) as client, client.listen():
            channel = requests.create_channel(
                channel_id, "Local/s@default/n", app=probe.app, limit_seconds=PROBE_SECONDS
            )
            await client.send(channel)
            for expression in expressions:
                with contextlib.suppress(AriRefused):
                    answer = await client.send(requests.get_variable(channel_id, expression))
                    if isinstance(answer, dict) and isinstance(answer.get("value"), str):
                        values[expression] = answer["value"]
            await client.send(requests.hang_up(channel_id))
    return values
