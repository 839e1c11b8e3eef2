"""Two hundred assistants change while twenty calls run: who answers, and what callers hear."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final

import asyncpg
import numpy as np
import pytest

from pipelines.services.espeak import Espeak
from pipelines.speech import for_telephone
from tests.support.availability import have_or_skip
from tests.support.brief import all_records
from tests.support.database import connect
from tests.support.listening import likeness
from tests.support.pbx import PHONE, Pbx
from tests.support.serving import Serving
from tests.support.standstill import Sleepers, longest_wait
from voiceai.bench.sip_call import Call
from voiceai.bench.sip_caller import SipCaller
from voiceai.store.embedded import EmbeddedPostgres

CALLER_HOST: Final = "127.0.0.4"

ASSISTANTS: Final = 200
LASTING: Final = 20
"""Calls that run all the time."""

CHANGES: Final = 200
PAUSE_SECONDS: Final = 0.02
"""Between two changes."""

EVERY: Final = 10
"""So many changes until somebody calls."""

AFTER_A_CHANGE: Final = 0.5
"""Share of the new calls that ask for a row that changed, good or bad."""

VERSION_SECONDS: Final = 2.2
"""So long after the first sound the first sentence is over, in what is heard and on record."""

GAP_SECONDS: Final = 0.04
PACKET_SECONDS: Final = 0.02
BASE: Final = """\
name: base
language: en-US
stt: {service: moonshine}
llm: {service: echo}
tts: {service: espeak}
turn: {stop: silence, vad: {model: energy}}
idle: {after_ms: 120000}
"""

FILLER: Final = " We will be with you in a moment, please hold the line." * 2

POISON: Final = {
    "overrides": ("{", '{"stt": {"service": "mooonshine"}}', '{"tts": {"voice": "nobody"}}'),
    "systemPrompt": ("x" * 2_000_000,),
    "greeting": (None,),
}
"""Bad JSON, an unknown service, a wrong voice; a prompt of 2 MB; no greeting."""

MakeServing = Callable[..., Serving]


def text_of(step: int) -> str:
    """The greeting of a version, which lasts as long as the changes do."""
    return f"Version {step}.{FILLER}"


class Rows:
    """The user's rows, and what a call to each may meet.

    Attributes:
        valid: By number of the assistant, the steps at which it was changed to something good.
        poisoned: Numbers of those whose row became bad.
        called: By Call-ID, whose row it was.
    """

    def __init__(self, connection: asyncpg.Connection, chance: random.Random) -> None:
        self.valid: dict[int, list[int]] = {i: [0] for i in range(ASSISTANTS)}
        self.poisoned: set[int] = set()
        self.called: dict[str, int] = {}
        self._connection = connection
        self._chance = chance
        self._committed = dict.fromkeys(self.valid, 0)

    async def make(self) -> None:
        """Let these rows be the only ones, and their columns of the types that users choose."""
        await self._connection.execute(
            """ALTER TABLE "Assistant" ALTER overrides TYPE text;
               DELETE FROM "PhoneNumber"; DELETE FROM "Assistant" """
        )
        rows = [(str(i), f"bot {i}", text_of(0), "base") for i in self.valid]
        await self._connection.executemany(
            'INSERT INTO "Assistant" (id, name, greeting, pipeline) VALUES ($1, $2, $3, $4)', rows
        )
        numbers = [(str(i), number_of(i), str(i)) for i in self.valid]
        await self._connection.executemany('INSERT INTO "PhoneNumber" VALUES ($1, $2, $3)', numbers)

    async def change(self, step: int) -> None:
        """Make a good version of a row, or poison one that never changed."""
        untouched = [
            i for i, steps in self.valid.items() if steps == [0] and i not in self.poisoned
        ]
        if self._chance.random() < 0.2:
            await self._poison(self._chance.choice(untouched))
            return
        i = self._chance.choice([i for i in self.valid if i not in self.poisoned])
        self.valid[i].append(step)  # from here on a call may meet it
        await self._connection.execute(
            'UPDATE "Assistant" SET greeting = $1 WHERE id = $2', text_of(step), str(i)
        )
        self._committed[i] = len(self.valid[i]) - 1

    async def _poison(self, i: int) -> None:
        column = self._chance.choice(list(POISON))
        value = self._chance.choice(POISON[column])
        self.poisoned.add(i)
        await self._connection.execute(
            f'UPDATE "Assistant" SET "{column}" = $1 WHERE id = $2',  # noqa: S608 - of this test
            value, str(i),
        )  # fmt: skip

    def whom_to_call(self) -> int:
        """Often somebody whose row has changed, or is bad."""
        changed = [i for i, steps in self.valid.items() if len(steps) > 1 or i in self.poisoned]
        every = list(self.valid)
        return self._chance.choice(changed if self._chance.random() < AFTER_A_CHANGE else every)

    def newest(self, i: int) -> int:
        """How many versions were committed, to ask `may_meet` with once somebody has answered."""
        return self._committed[i]

    def may_meet(self, i: int, since: int) -> list[str]:
        """What a call may have met that began when so many versions were committed."""
        return [text_of(step) for step in self.valid[i][since:]]


def number_of(assistant: int) -> str:
    """The number that the provider sends on."""
    return f"49201890{assistant:05}"


class Callers:
    """People who call, and what each may have met.

    Attributes:
        calls: By caller's number: the call, and the greetings that its row had as it began.
    """

    def __init__(self, telephone: SipCaller, pbx: Pbx, rows: Rows) -> None:
        self.calls: dict[str, tuple[Call, list[str]]] = {}
        self._telephone, self._pbx, self._rows = telephone, pbx, rows

    async def dial(self, assistant: int) -> Call:
        """Call, and hear the greeting begin."""
        number = str(4930_000_000 + len(self.calls))
        self.calls[number] = None  # type: ignore[assignment]  # the place is taken
        newest = self._rows.newest(assistant)
        call = await self._telephone.dial(
            number_of(assistant), via=self._pbx.address, from_user=number
        )
        self._rows.called[call.call_id] = assistant
        self.calls[number] = call, self._rows.may_meet(assistant, newest)
        assert call.answered_at is not None, f"refused with {call.status}"
        await call.wait_for_speech(5, after=call.answered_at)
        return call

    async def dial_briefly(self, assistant: int) -> None:
        """Call, hear the number of the version, hang up."""
        call = await self.dial(assistant)
        await asyncio.sleep(VERSION_SECONDS)
        await call.hang_up()


@pytest.fixture
async def telephone() -> AsyncIterator[SipCaller]:
    """A telephone straight at the PBX."""
    async with SipCaller(CALLER_HOST, credentials=PHONE) as telephone:
        yield telephone


@pytest.mark.timeout(60)
async def test_callers_meet_the_newest_valid_version_and_are_not_disturbed_by_changes(
    pbx: Pbx, telephone: SipCaller, serve_briefly: MakeServing, tmp_path: Path
) -> None:
    voice = Espeak("en-us", 160)
    have_or_skip(lambda: voice.synthesize("1"))
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "base.yaml").write_text(BASE)
    settings = {"VOICEAI_PIPELINES": str(tmp_path / "pipelines"), "VOICEAI_MAX_CALLS": "100"}
    serving = serve_briefly(pbx.params.ari, **settings)
    async with serving, database_of(serving) as connection:
        rows = Rows(connection, random.Random(5))
        await rows.make()
        await loaded(connection)
        callers = Callers(telephone, pbx, rows)
        lasting = await asyncio.gather(*(callers.dial(i) for i in range(LASTING)))
        began = asyncio.get_running_loop().time()
        async with Sleepers() as sleepers, asyncio.TaskGroup() as tasks:
            for step in range(1, CHANGES + 1):
                await rows.change(step)
                await asyncio.sleep(PAUSE_SECONDS)
                if step % EVERY == 0:
                    tasks.create_task(callers.dial_briefly(rows.whom_to_call()))
            for call in lasting:
                await call.wait_for_silence(0.5, 10)
                assert call.is_answered
            standstills = await sleepers.end()
        await asyncio.gather(*(call.hang_up() for call in lasting))
        records = await all_records(serving, len(callers.calls))
        await all_reported(serving, set(rows.poisoned))

    for record in records:
        call, allowed = callers.calls[record["caller"]]
        [turn] = record["turns"]
        assert any(text.startswith(turn["text"]) for text in allowed), (turn, allowed)
        assert likest_version(call, voice, rows) == turn["text"].partition(".")[0]
    for call in lasting:
        packets = [packet for packet in call.heard.packets if packet.at >= began]
        gap = longest_wait(packets, standstills) - PACKET_SECONDS - call.line.late_seconds
        assert (call.heard.gaps().lost, gap <= GAP_SECONDS) == (0, True), gap
    whole = [record["turns"][0]["text"] for record in records[-LASTING:]]
    assert whole == [text_of(0)] * LASTING


def likest_version(call: Call, voice: Espeak, rows: Rows) -> str:
    """Return which of the versions that its row ever had a caller heard."""
    assert call.answered_at is not None
    row = rows.called[call.call_id]

    def alike(version: str) -> float:
        pcm = for_telephone(voice.synthesize(version + "."), voice.sample_rate)
        spoken = np.frombuffer(pcm, "<i2").astype(np.float64)
        return likeness(call.heard, call.answered_at or 0.0, spoken)

    return max((text_of(step).partition(".")[0] for step in rows.valid[row]), key=alike)


@contextlib.asynccontextmanager
async def database_of(serving: Serving) -> AsyncIterator[asyncpg.Connection]:
    """Connect to its embedded database, as another program does."""
    guest = EmbeddedPostgres(serving.data)
    connection = await connect(await guest.open(owner=False))
    try:
        yield connection
    finally:
        await connection.close()
        await guest.close()


async def loaded(connection: asyncpg.Connection) -> None:
    """Return once every row can answer."""
    ready = "SELECT count(*) FROM voiceai.assistant_versions WHERE ready_at IS NOT NULL"
    async with asyncio.timeout(20):
        while await connection.fetchval(ready) < ASSISTANTS:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)


async def all_reported(serving: Serving, assistants: set[int]) -> None:
    """Return once each of these was told to be wrong.

    Raises:
        TimeoutError: One was not.
    """
    async with asyncio.timeout(5):
        while not assistants <= reported(serving):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)


def reported(serving: Serving) -> set[int]:
    """Return the assistants that were told to be wrong."""
    return {
        int(line["assistant"].removeprefix("bot "))
        for line in serving.log()
        if line["message"].startswith("assistant.invalid")
    }
