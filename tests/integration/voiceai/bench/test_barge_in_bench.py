"""A short run of the bench: callers interrupt, and what came of it is told."""

from pathlib import Path

import pytest

from voiceai.bench.barge_in import run_barge_in
from voiceai.bench.errors import BenchUnavailable
from voiceai.settings import Settings


async def test_barge_in_tells_how_soon_callers_were_given_way(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, voiceai_data_dir=tmp_path)

    try:
        report = await run_barge_in(
            settings, calls=(3,), seconds=6, placement="inline", smart_turn=False
        )
    except BenchUnavailable as error:
        pytest.skip(str(error))

    found = {measure.name: measure.samples for measure in report.measures}
    ducked, silent = found["3 calls: onset to ducked"], found["3 calls: onset to silent"]
    assert len(ducked) == len(silent) >= 3
    assert 0 < min(ducked) <= min(silent)
    assert max(silent) < 1000
    assert found["3 calls: interruptions that did not silence"] == (0,)
