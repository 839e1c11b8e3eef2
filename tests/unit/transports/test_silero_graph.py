"""The network for 8 kHz says what the file that it was taken from says."""

from importlib import resources

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

from transports.silero_graph import CONTEXT, STATE, WINDOW, dense


@pytest.fixture(scope="module")
def shipped() -> bytes:
    return resources.files("pipecat.audio.vad.data").joinpath("silero_vad.onnx").read_bytes()


def session(model: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # more of them wait busily for one another
    return onnxruntime.InferenceSession(model, sess_options=options)


@pytest.mark.parametrize("calls", [1, 3, 40])
@pytest.mark.parametrize("level", [1e-5, 0.03, 1.0])
def test_probability_and_state_are_those_of_the_shipped_file(
    shipped: bytes, calls: int, level: float
) -> None:
    generator = np.random.default_rng(calls)
    theirs, ours = map(session, (shipped, dense(shipped)))
    states = [np.zeros((2, calls, STATE), np.float32)] * 2
    for _ in range(30):
        noise = generator.normal(0, level, (calls, CONTEXT + WINDOW)).astype(np.float32)
        rate = np.array(8000, np.int64)
        right, states[0] = theirs.run(None, {"input": noise, "state": states[0], "sr": rate})
        found, states[1] = ours.run(None, {"input": noise, "state": states[1]})

        assert found == pytest.approx(right, abs=1e-4)
        assert states[1] == pytest.approx(states[0], abs=1e-3)
    assert np.ptp(states[0]) > 0.1


def test_windows_that_follow_one_another_are_scored_in_one_run_as_in_many(shipped: bytes) -> None:
    steps, calls = 16, 3
    ours = session(dense(shipped))
    noise = np.random.default_rng(1).normal(0, 0.1, (steps, calls, CONTEXT + WINDOW))
    windows, silent = noise.astype(np.float32), np.zeros((2, calls, STATE), np.float32)

    one_by_one, state = [], silent
    for window in windows:
        scores, state = ours.run(None, {"input": window, "state": state})
        one_by_one += scores.tolist()
    together = {"input": windows.reshape(steps * calls, -1), "state": silent}
    scores_together, state_together = ours.run(None, together)

    assert scores_together.tolist() == one_by_one
    assert (state_together == state).all()


def test_another_model_is_refused() -> None:
    node = helper.make_node("Identity", ["x"], ["y"])
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
    model = helper.make_model(helper.make_graph([node], "other", value[:1], value[1:]))

    with pytest.raises(ValueError, match="Silero"):
        dense(model.SerializeToString())
