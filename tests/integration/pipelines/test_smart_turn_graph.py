"""The turn model as Pipecat ships it, and as it runs here."""

from collections import Counter
from importlib import resources

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from pipelines.onnx_file import nodes_of
from pipelines.smart_turn import MODEL_FILE, MODEL_PACKAGE
from pipelines.smart_turn_graph import lightened

SHAPE = (1, 80, 800)


@pytest.fixture(scope="module")
def shipped() -> bytes:
    return resources.files(MODEL_PACKAGE).joinpath(MODEL_FILE).read_bytes()


def judge(model: bytes, heard: NDArray[np.float32]) -> float:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return float(session.run(None, {"input_features": heard})[0].item())


def test_what_costs_more_than_it_saves_is_gone_and_nothing_else(shipped: bytes) -> None:
    before = Counter(node.operator for node in nodes_of(shipped))
    after = Counter(node.operator for node in nodes_of(lightened(shipped)))

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
