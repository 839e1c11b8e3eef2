"""A telephone and the world between it and us, in which one call after another ends."""

import asyncio
from dataclasses import dataclass
from typing import Any

from tests.support.leftovers import all_in, eventually_no_ports, eventually_nothing_left
from tests.support.pbx import Pbx
from tests.support.provider import NUMBERS, Provider
from tests.support.serving import Serving
from voiceai.bench.sip_call import Call
from voiceai.bench.sip_caller import SipCaller
from voiceai.store.repository import Store

BRIEF, OTHER, NOBODY = NUMBERS[0], NUMBERS[1], NUMBERS[2]
"""The brief assistant's number, one that is assigned anew here, and one without an assistant."""


@dataclass(frozen=True)
class Scene:
    """A telephone, the world between it and us, and what an operator does here.

    Attributes:
        calls: Of the past, by their ids.
    """

    provider: Provider
    pbx: Pbx
    serving: Serving
    store: Store
    telephone: SipCaller
    calls: set[str]

    async def use(self, pipeline: str) -> None:
        """Have the number `OTHER` answered by a pipeline."""
        imported = await self.store.import_assistant(pipeline, source="test")
        await self.store.assign(OTHER, imported.name)

    async def loaded(self, assistant: str) -> None:
        """Wait until the newest version of an assistant is ready to answer."""
        async with asyncio.timeout(5):
            while True:
                if (await self.store.editor.versions(assistant))[0].ready_at is not None:
                    return
                await asyncio.sleep(0.02)

    async def invite(self, number: str) -> Call:
        """Call without waiting for the answer."""
        return await self.telephone.invite(number, via=self.provider.address)

    async def dial(self, number: str) -> Call:
        """Call."""
        return await self.telephone.dial(number, via=self.provider.address, within=15)

    async def refused(self, number: str) -> int:
        """Call somebody who does not answer; return the SIP status."""
        call = await self.dial(number)
        assert call.answered_at is None
        return call.status

    async def rings(self) -> None:
        """Wait until Asterisk has a channel."""
        async with asyncio.timeout(5):
            while True:
                if await all_in(self.pbx.params.ari):
                    return
                await asyncio.sleep(0.02)

    async def begins(self, calls: int) -> None:
        """Wait until so many calls have begun, ever."""
        async with asyncio.timeout(5):
            while True:
                if self.calls_begun() >= calls:
                    return
                await asyncio.sleep(0.02)

    def calls_begun(self) -> int:
        """Return how many calls have begun, ever."""
        return sum(line["message"] == "call.started" for line in self.serving.log())

    async def over(self) -> dict[str, Any]:
        """Return the complete record of the call that just ended; nothing else is left of it."""
        await eventually_nothing_left(self.pbx.params.ari)
        record = await self.record()
        await eventually_no_ports(self.serving.process)
        assert record["started_at"] <= (record["answered_at"] or record["ended_at"])
        assert (record["answered_at"] or record["started_at"]) <= record["ended_at"]
        for turn in record["turns"]:
            assert turn["started_ms"] <= turn["ended_ms"], turn
        return record

    async def record(self) -> dict[str, Any]:
        """Return the record of the call that just ended."""
        async with asyncio.timeout(5):
            while True:
                for call in await self.serving.get("/calls?limit=2"):
                    if call["ended_at"] and call["id"] not in self.calls:
                        self.calls.add(call["id"])
                        record: dict[str, Any] = await self.serving.get(f"/calls/{call['id']}")
                        return record
                await asyncio.sleep(0.02)

    def complaints(self, record: dict[str, Any]) -> list[str]:
        """Return what was logged about a call that is worse than information."""
        return [
            str(line["message"])
            for line in self.serving.log()
            if line.get("call_id") == record["id"] and line["level"] != "INFO"
        ]
