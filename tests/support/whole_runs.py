"""Commands that bring Asterisk, callers and all: `make demo`, twice, and a short soak."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.cache import cache_folder
from tests.support.serving import ROOT
from voiceai.bench.report import Report
from voiceai.bench.soak_real import run_real_soak
from voiceai.settings import Settings

DEMO_SECONDS = 140


@dataclass(frozen=True)
class WholeRuns:
    """What runs at the same time.

    Attributes:
        demo: The figures of a demonstration as it comes.
        poor_demo: Of one where no program can be found.
        soak: A short one; it cannot do without SIPp.
        told: What the soak has said of its samples.
    """

    demo: Future[dict[str, Any]]
    poor_demo: Future[dict[str, Any]]
    soak: Future[Report]
    told: list[str] = field(default_factory=list)


@contextmanager
def begun(folder: Path) -> Iterator[WholeRuns]:
    """Begin all of them in threads; leaving waits for their ends.

    The Asterisk that they need is found where the tests keep theirs.
    """
    (folder / "programs").mkdir()
    for name in ("whole/data", "soak"):
        (folder / name).mkdir(parents=True)
        (folder / name / "cache").symlink_to(cache_folder())
    settings = Settings(_env_file=None, voiceai_data_dir=folder / "soak")
    told: list[str] = []

    def soak() -> Report:
        return asyncio.run(run_real_soak(settings, minutes=0.15, calls=2, progress=told.append))

    with ThreadPoolExecutor(3) as pool:
        yield WholeRuns(
            pool.submit(_demo, folder / "whole", PATH=os.environ["PATH"]),
            pool.submit(_demo, folder / "without", PATH=str(folder / "programs")),
            pool.submit(soak),
            told,
        )


def _demo(folder: Path, **environment: str) -> dict[str, Any]:
    """Run the command as a newcomer does and return its figures."""
    done = subprocess.run(
        [sys.executable, "-m", "voiceai", "demo", "--json"],
        env={
            "HOME": str(folder),
            "PYTHONPATH": str(ROOT),
            "VOICEAI_DATA_DIR": str(folder / "data"),
            **environment,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEMO_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "I would like to make an appointment" in done.stderr
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures
