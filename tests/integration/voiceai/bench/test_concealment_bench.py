"""A tiny run of ``bench concealment``, where its extra is installed."""

from pathlib import Path

import pytest

from tests.support.cache import cache_folder
from voiceai.bench.concealment import run_concealment
from voiceai.bench.errors import BenchUnavailable
from voiceai.bench.loss_traces import Condition
from voiceai.bench.loss_ways import ENGINE, WAYS
from voiceai.bench.report import Report


def short_run(cache: Path) -> Report:
    """Send one English and one German sentence over a network that loses much."""
    conditions = Condition("random", 0), Condition("burst", 20)
    try:
        return run_concealment(cache, recordings=2, seeds=2, conditions=conditions, processes=1)
    except BenchUnavailable as error:
        pytest.skip(str(error))


@pytest.mark.timeout(180)
def test_concealment_is_judged_beside_every_other_way() -> None:
    report = short_run(cache_folder())

    found = {measure.name: measure for measure in report.measures}
    for way in WAYS:
        for network in ("0 % random loss", "20 % burst loss"):
            assert len(found[f"{network}, {way}: drop"].samples) == 2
            assert len(found[f"{network}, {way}: word errors above clean"].samples) == 2
    assert max(map(abs, found[f"0 % random loss, {ENGINE}: drop"].samples)) < 0.05
    lossy = {way: sum(found[f"20 % burst loss, {way}: drop"].samples) for way in WAYS}
    assert 0 < lossy[ENGINE] < lossy["silence"]
    assert [series.name for series in report.charts[0].series] == list(WAYS)
