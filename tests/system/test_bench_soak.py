"""A short soak through a real Asterisk: it takes calls, samples, and leaves nothing behind."""

import shutil

import pytest

from tests.support.cache import cache_folder
from voiceai.bench.soak_real import run_real_soak
from voiceai.settings import Settings


@pytest.mark.skipif(shutil.which("sipp") is None, reason="sipp: apt-get install sip-tester")
@pytest.mark.timeout(120)
@pytest.mark.usefixtures("installation")
async def test_a_few_calls_leave_nothing_behind(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("soak")
    (folder / "cache").symlink_to(cache_folder())
    settings = Settings(_env_file=None, voiceai_data_dir=folder)
    told: list[str] = []

    report = await run_real_soak(settings, minutes=0.15, calls=2, progress=told.append)

    found = {measure.name: measure for measure in report.measures}
    assert found["calls that failed"].samples == (0,)
    assert max(found["channels"].samples) == 4
    assert len(told) == len(found["channels"].samples) >= 3
    left = [name for name in report.over_budget if name.endswith("left behind")]
    assert left == []
