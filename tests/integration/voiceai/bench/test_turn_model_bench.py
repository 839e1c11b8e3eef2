"""What ``bench turn-model`` compares with is what Pipecat does."""

import numpy as np
import pytest
from pipecat.audio.turn.smart_turn.local_smart_turn_v3 import LocalSmartTurnAnalyzerV3
from pipecat.metrics.metrics import TurnMetricsData

from voiceai.bench.turn_model import ShippedTurnModel


async def test_the_shipped_model_says_what_pipecats_analyser_says() -> None:
    noise = np.random.default_rng(1).normal(0, 3000, 24_000).clip(-32768, 32767).astype("<i2")
    pipecat = LocalSmartTurnAnalyzerV3()
    pipecat.set_sample_rate(8000)
    pipecat.append_audio(noise.tobytes(), is_speech=True)
    _, metrics = await pipecat.analyze_end_of_turn()
    await pipecat.cleanup()  # type: ignore[no-untyped-call]

    found = ShippedTurnModel().probability((noise / 32768).astype(np.float32))

    assert isinstance(metrics, TurnMetricsData)
    assert found == pytest.approx(metrics.probability, abs=0.001)
