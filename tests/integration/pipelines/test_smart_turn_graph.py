"""The turn model as Pipecat ships it, and as it runs here."""

from collections import Counter
from importlib import resources
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import load_from_string

from pipelines.smart_turn import MODEL_FILE, MODEL_PACKAGE
from pipelines.smart_turn_graph import FRAME_INDEX, LOG_WEIGHTS, lightened, looked_at, thinned

SHAPE = (1, 80, 800)


@pytest.fixture(scope="module")
def shipped() -> bytes:
    return resources.files(MODEL_PACKAGE).joinpath(MODEL_FILE).read_bytes()


def judge(model: bytes, heard: NDArray[np.float32], *frames: NDArray[Any]) -> float:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    feeds = {"input_features": heard, **dict(zip((FRAME_INDEX, LOG_WEIGHTS), frames, strict=False))}
    return float(session.run(None, feeds)[0].item())


def test_what_costs_more_than_it_saves_is_gone_and_nothing_else(shipped: bytes) -> None:
    before, after = (
        Counter(node.op_type for node in load_from_string(model).graph.node)
        for model in (shipped, lightened(shipped))
    )

    assert before["Erf"] == after["Gelu"] == 8
    assert after["Erf"] == 0
    assert before["QuantizeLinear"] - after["QuantizeLinear"] == 4  # one per layer's softmax
    for kept in ("MatMul", "Softmax", "Conv", "Gemm", "LayerNormalization"):
        assert after[kept] == before[kept]


def test_a_lightened_model_stays_as_it_is(shipped: bytes) -> None:
    once = lightened(shipped)

    assert lightened(once) == once


@pytest.mark.parametrize("seed", range(2))
def test_it_says_what_the_shipped_model_says(shipped: bytes, seed: int) -> None:
    heard = np.random.default_rng(seed).normal(0, 0.4, SHAPE).astype(np.float32)

    assert judge(lightened(shipped), heard) == pytest.approx(judge(shipped, heard), abs=0.1)


def test_a_thinned_model_that_looks_at_everything_says_what_the_whole_one_says(
    shipped: bytes,
) -> None:
    heard = np.random.default_rng(3).normal(0, 0.4, SHAPE).astype(np.float32)
    whole = lightened(shipped)

    assert judge(thinned(whole), heard, *looked_at(seconds=8.0)) == pytest.approx(
        judge(whole, heard), abs=0.01
    )


def test_it_matters_which_frames_are_looked_at_and_how_much_they_count(shipped: bytes) -> None:
    heard = np.random.default_rng(3).normal(0, 0.4, SHAPE).astype(np.float32)
    model = thinned(lightened(shipped))
    index, log_weights = looked_at(seconds=2.0)
    sampled = judge(model, heard, index, log_weights)

    fewer = judge(model, heard, index[40:], log_weights[40:])
    alike = judge(model, heard, index, np.zeros_like(log_weights))
    assert fewer != pytest.approx(sampled, abs=1e-3)
    assert alike != pytest.approx(sampled, abs=1e-3)


def test_another_model_cannot_be_thinned(shipped: bytes) -> None:
    model = load_from_string(shipped)
    others = [node for node in model.graph.node if node.op_type != "Add"]
    del model.graph.node[:]
    model.graph.node.extend(others)

    with pytest.raises(ValueError, match=r"smart-turn v3\.2"):
        thinned(model.SerializeToString())
