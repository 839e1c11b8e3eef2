"""Whether somebody has our application already: asked of whoever listens to it, and answered.

Asterisk lets a second client take an application from the first without a word, and cannot say
whether the first one lives. So the newcomer asks by an event to the application before it registers
it, and the one that has it answers. Who listens and is silent is dead, hangs, or is none of ours.
"""

import asyncio
import contextlib
import os
import socket
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

from loguru import logger

from asterisk.ari import requests
from asterisk.ari.client import AriClient
from asterisk.ari.events import UserEvent
from asterisk.errors import AriDisconnected, AriRefused, AsteriskError
from asterisk.params import AriParams

QUESTION: Final = "voiceai-who-is-there"
ANSWER: Final = "voiceai-is-here"

PATIENCE: Final = 3
"""So often one that answered before must be silent until its application is taken from it.

It may be cut off from Asterisk while its calls go on; it is back within ``backoff_limit`` then.
"""


@dataclass(frozen=True, slots=True)
class Owner:
    """A process that has an application.

    Attributes:
        host: Where it runs.
        process_id: Its id there.
    """

    host: str
    process_id: str

    def __str__(self) -> str:
        return f"process {self.process_id} on {self.host}"


class Ownership:
    """Asks who has an application, and answers for this process.

    Args:
        params: Which application, and how to reach Asterisk.
    """

    def __init__(self, params: AriParams) -> None:
        self._params = params
        self._seen: Owner | None = None
        self._missed = 0

    async def other(self) -> Owner | None:
        """Return who has the application; None when it is free.

        Raises:
            AriDisconnected: Asterisk cannot be reached.
            AsteriskError: It does not do what was asked.
        """
        is_known, found = await self._ask()
        if found is None and is_known and self._seen is not None:
            self._missed += 1
            if self._missed < PATIENCE:
                return self._seen
        self._seen, self._missed = found, 0
        return found

    async def answer(self, client: AriClient, event: UserEvent) -> None:
        """Tell one who asks that this process has the application."""
        asker = event.fields.get("asker", "")
        if event.name != QUESTION or not asker:
            return
        me = {"host": socket.gethostname(), "process": str(os.getpid())}
        with contextlib.suppress(AsteriskError):
            await client.send(requests.user_event(ANSWER, app=asker, fields=me))

    async def _ask(self) -> tuple[bool, Owner | None]:
        """Ask once; returns whether Asterisk knows the application, and who answered."""
        asker = f"voiceai-asks-{uuid4().hex[:12]}"
        question = requests.user_event(QUESTION, app=self._params.app, fields={"asker": asker})
        async with AriClient(self._params.model_copy(update={"app": asker})) as client:
            try:
                await client.send(requests.get_application(self._params.app))
                async with client.listen() as events:
                    await client.send(question)
                    async with asyncio.timeout(self._params.owner_answer):
                        async for event in events:
                            if isinstance(event, UserEvent) and event.name == ANSWER:
                                fields = event.fields
                                return True, Owner(
                                    fields.get("host", "?"), fields.get("process", "?")
                                )
            except TimeoutError:
                return True, None
            except AriDisconnected:
                raise
            except AriRefused as error:
                if error.status != 404:
                    logger.bind(error=str(error)).warning("ari.owner_unknown")
                return False, None
        return True, None
