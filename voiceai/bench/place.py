"""Where the benches that ring take place: a telephone, an Asterisk, and voiceai beside them."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from voiceai.bench.companion import Companion
from voiceai.bench.errors import BenchUnavailable
from voiceai.demo.stage import Stage, best_stage
from voiceai.settings import Settings

__all__ = ["Place", "ringing_place"]

READY_SECONDS: Final = 90.0


@dataclass(frozen=True, slots=True)
class Place:
    """Everything is up.

    Attributes:
        stage: How to call.
        voiceai: The measured process.
        note: What kind of Asterisk it is, and why no better one.
    """

    stage: Stage
    voiceai: Companion
    note: str


@contextlib.asynccontextmanager
async def ringing_place(
    settings: Settings, *, realtime: bool, log_level: str = "ERROR"
) -> AsyncIterator[Place]:
    """Boot an Asterisk (else its simulator) and a process of voiceai of their own.

    Args:
        settings: Their data folder is used; the bench keeps its own below it.
        realtime: Whether voiceai shall run under SCHED_FIFO.
        log_level: Least severe line that voiceai writes to standard error.

    Raises:
        BenchUnavailable: voiceai did not get ready.
    """
    folder = settings.voiceai_data_dir / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    async with best_stage(settings.voiceai_data_dir / "cache") as (stage, missing):
        greeting = {
            "ari_url": stage.ari_url,
            "username": stage.username,
            "password": stage.password.get_secret_value(),
            "folder": str(folder),
            "realtime": realtime,
            "log_level": log_level,
        }
        async with Companion("voiceai.bench.served", greeting) as voiceai:
            try:
                await voiceai.hear("ready", READY_SECONDS)
            except TimeoutError as error:
                raise BenchUnavailable(f"voiceai did not get ready: {error}") from error
            note = f"through {stage.name}" + (f" ({missing})" if missing else "")
            yield Place(stage, voiceai, note)
