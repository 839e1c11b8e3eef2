"""The turn model as Pipecat ships it, and as it runs here."""

from collections import Counter
from dataclasses import replace
from importlib import resources

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import load_from_string, numpy_helper

from pipelines.smart_turn import MODEL_FILE, MODEL_PACKAGE
from pipelines.smart_turn_frames import FEATURES, FRAMES, Look, looked_at
from pipelines.smart_turn_graph import lightened, thinned

SHAPE = (80, 800)


@pytest.fixture(scope="module")
def shipped() -> bytes:
    return resources.files(MODEL_PACKAGE).joinpath(MODEL_FILE).read_bytes()


def judge(model: bytes, features: NDArray[np.float32], look: Look | None = None) -> float:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    feeds = {FEATURES: features[np.newaxis]} if look is None else look.inputs(features)
    return float(session.run(None, feeds)[0].item())


def test_what_costs_more_than_it_saves_is_gone_and_nothing_else(shipped: bytes) -> None:
    before, after = (
        Counter(node.op_type for node in load_from_string(model).graph.node)
        for model in (shipped, lightened(shipped))
    )

    assert before["Erf"] == after["Gelu"] == 8
    assert after["Erf"] == 0
    assert before["QuantizeLinear"] - after["QuantizeLinear"] == 8  # a layer's softmax and keys
    assert before["MatMul"] - after["MatMul"] == after["MatMulIntegerToFloat"] == 4
    for kept in ("Softmax", "Conv", "Gemm", "LayerNormalization"):
        assert after[kept] == before[kept]


def test_keys_that_are_not_quantised_alike_stay_as_they_are(shipped: bytes) -> None:
    model = load_from_string(shipped)
    scale = next(one for one in model.graph.initializer if one.name == "val_67_scale")
    scale.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(scale) * 2, scale.name))

    light = lightened(model.SerializeToString())

    operators = Counter(node.op_type for node in load_from_string(light).graph.node)
    assert operators["MatMulIntegerToFloat"] == 3
    with pytest.raises(ValueError, match="2 sums of frames"):
        thinned(light)


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

    assert judge(thinned(whole), heard, looked_at(seconds=8.0)) == pytest.approx(
        judge(whole, heard), abs=0.01
    )


def everything_heard(look: Look) -> Look:
    return replace(look, heard=FRAMES, heard_index=look.frame_index)


@pytest.mark.parametrize("seconds", [0.1, 0.6, 2.0, 4.03, 7.6])
def test_silence_need_not_be_heard_to_be_looked_at(shipped: bytes, seconds: float) -> None:
    heard = np.random.default_rng(4).normal(0, 0.4, SHAPE).astype(np.float32)
    speech = int(100 * seconds) + 3  # what begins within half a window is heard
    heard[:, :-speech] = heard[:, :1]
    model, look = thinned(lightened(shipped)), looked_at(seconds)

    some = judge(model, heard[:, -2 * look.heard :], look)

    assert look.heard < FRAMES
    assert some == pytest.approx(judge(model, heard, everything_heard(look)), abs=1e-5)


def test_it_matters_which_frames_are_looked_at_and_how_much_they_count(shipped: bytes) -> None:
    heard = np.random.default_rng(3).normal(0, 0.4, SHAPE).astype(np.float32)
    model = thinned(lightened(shipped))
    look = everything_heard(looked_at(seconds=2.0))
    sampled = judge(model, heard, look)

    fewer = judge(
        model,
        heard,
        Look(FRAMES, look.heard_index[40:], look.frame_index[40:], look.log_weights[40:]),
    )
    alike = judge(model, heard, replace(look, log_weights=np.zeros_like(look.log_weights)))
    assert fewer != pytest.approx(sampled, abs=1e-3)
    assert alike != pytest.approx(sampled, abs=1e-3)


def test_another_model_cannot_be_thinned(shipped: bytes) -> None:
    model = load_from_string(shipped)
    others = [node for node in model.graph.node if node.op_type != "Add"]
    del model.graph.node[:]
    model.graph.node.extend(others)

    with pytest.raises(ValueError, match=r"smart-turn v3\.2"):
        thinned(model.SerializeToString())
