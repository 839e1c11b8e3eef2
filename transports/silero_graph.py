"""Silero's network for 8 kHz as six products of matrices and an LSTM: a third of the time.

The file that Pipecat ships (MIT) holds a network for each sample rate behind an ``If``. One window
is so short that its convolutions slide over four frames, two and one: each is written out here as
the one matrix that does it, and the reflection at the window's end goes into the first of them::

    window (n, 288) > frames, re and im (n, 520) > magnitudes (n, 260)
                    > 4 x 128 > 2 x 64 > 64 > 128, each with ReLU
                    > LSTM of 128 > ReLU > 1 > sigmoid

Only the LSTM goes from window to window: what is in front of it takes many windows of one call at
once, too.

The convolutions of the file do fewer multiplications; but onnxruntime makes each of 288 samples
into a matrix first, a window at a time.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
from onnx import (
    GraphProto,
    ModelProto,
    NodeProto,
    TensorProto,
    helper,
    load_from_string,
    numpy_helper,
)

__all__ = ["CONTEXT", "STATE", "WINDOW", "dense"]

WINDOW: Final = 256
"""Samples the model takes at 8 kHz: 32 ms."""
CONTEXT: Final = 32
"""Samples of the previous window that the model wants in front of each."""
STATE: Final = 128
REFLECTED: Final = 32
"""Samples that the network adds behind a window, its last ones mirrored."""
HOP: Final = 64
OPSET: Final = 18
IR_VERSION: Final = 9

Matrix = npt.NDArray[np.float32]


def dense(shipped: bytes) -> bytes:
    """Return the network for 8 kHz as a model of its own.

    It takes ``input`` ``(steps * n, 288)``, a window of each of n calls and then the next of each,
    and ``state`` ``(2, n, 128)``; it gives ``output`` ``(steps * n, 1)`` and ``stateN``
    ``(2, n, 128)`` after the last step.

    Args:
        shipped: The file of Silero v5 and v6.

    Raises:
        ValueError: It is another model.
    """
    weights = _weights_of_8_khz(shipped)
    try:
        constants = _constants(weights)
    except (KeyError, IndexError, ValueError) as error:
        raise ValueError("this is not Silero v5 or v6: it has no such network") from error
    floats = TensorProto.FLOAT
    graph = helper.make_graph(
        [_node(*line.split()) for line in NETWORK.strip().splitlines()],
        "silero_8_khz",
        [
            helper.make_tensor_value_info("input", floats, ["windows", CONTEXT + WINDOW]),
            helper.make_tensor_value_info("state", floats, [2, "n", STATE]),
        ],
        [
            helper.make_tensor_value_info("output", floats, ["windows", 1]),
            helper.make_tensor_value_info("stateN", floats, [2, "n", STATE]),
        ],
        [numpy_helper.from_array(values, name) for name, values in constants.items()],
    )
    model: ModelProto = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
    )
    written: bytes = model.SerializeToString()
    return written


NETWORK: Final = """
MatMul   input,frames                >  spectrum
Split    spectrum,complex            >  re,im                       axis=1
Mul      re,re                       >  re2
Mul      im,im                       >  im2
Add      re2,im2                     >  power
Sqrt     power                       >  magnitudes
Gemm     magnitudes,weight0,bias0    >  sum0
Relu     sum0                        >  layer0
Gemm     layer0,weight1,bias1        >  sum1
Relu     sum1                        >  layer1
Gemm     layer1,weight2,bias2        >  sum2
Relu     sum2                        >  layer2
Gemm     layer2,weight3,bias3        >  sum3
Relu     sum3                        >  layer3
Split    state,one_each              >  hidden,cell                 axis=0
Shape    hidden                      >  calls                       start=1
Concat   steps,calls                 >  in_steps                    axis=0
Reshape  layer3,in_steps             >  heard
LSTM     heard,inner,outer,lstm_bias,,hidden,cell  >  shown,next_hidden,next_cell  hidden_size=128
Reshape  shown,in_windows            >  remembered
Relu     remembered                  >  decoded
Gemm     decoded,speech,speech_bias  >  score
Sigmoid  score                       >  output
Concat   next_hidden,next_cell       >  stateN                      axis=0
"""
"""Operator, what it reads, what it gives, and its attribute."""


def _node(operator: str, inputs: str, _: str, outputs: str, attribute: str = "") -> NodeProto:
    node = helper.make_node(operator, inputs.split(","), outputs.split(","))
    if attribute:
        name, value = attribute.split("=")
        node.attribute.append(helper.make_attribute(name, int(value)))
    return node


def _weights_of_8_khz(shipped: bytes) -> dict[str, Matrix]:
    """Return the constants of the branch that is not for 16 kHz, by the end of their names."""
    model = load_from_string(shipped)
    branches = [
        attribute.g
        for node in model.graph.node
        for attribute in node.attribute
        if attribute.name == "else_branch"
    ]
    graph = branches[0] if branches else GraphProto()
    return {
        node.output[0].rpartition("__")[2]: numpy_helper.to_array(node.attribute[0].t)
        for node in graph.node
        if node.op_type == "Constant"
    }


def _constants(weights: dict[str, Matrix]) -> dict[str, npt.NDArray[np.generic]]:
    basis = weights["stft.forward_basis_buffer"]
    transform = _transform(basis)
    parts, frames = transform.shape[1] // 2, transform.shape[1] // len(basis)
    constants: dict[str, npt.NDArray[np.generic]] = {
        "frames": transform,
        "complex": np.array([parts, parts]),
        "one_each": np.array([1, 1]),
        "steps": np.array([-1]),
        "in_windows": np.array([-1, STATE]),
        "speech": weights["decoder.decoder.2.weight"].reshape(STATE, 1),
        "speech_bias": weights["decoder.decoder.2.bias"],
    }
    for layer, stride in enumerate((1, 2, 2, 1)):
        kernel = weights[f"encoder.{layer}.reparam_conv.weight"]
        bias = weights[f"encoder.{layer}.reparam_conv.bias"]
        matrix, frames = _convolution(kernel, frames, stride)
        constants[f"weight{layer}"] = matrix
        constants[f"bias{layer}"] = np.tile(bias, frames)
    for name, kind in (("inner", "weight_ih"), ("outer", "weight_hh")):
        constants[name] = _gates_in_order(weights[f"decoder.rnn.{kind}"])[np.newaxis]
    biases = [_gates_in_order(weights[f"decoder.rnn.bias_{kind}"]) for kind in ("ih", "hh")]
    constants["lstm_bias"] = np.concatenate(biases)[np.newaxis]
    return constants


def _gates_in_order(rows: Matrix) -> Matrix:
    """Return PyTorch's rows for input, forget, proposal and output as ONNX wants the four."""
    taken, kept, proposal, shown = np.split(rows, 4)
    return np.concatenate((taken, shown, kept, proposal))


def _transform(basis: Matrix) -> Matrix:
    """Return the matrix from a window to its frames' spectra: all real parts, then all others.

    Args:
        basis: Shape (130, 1, 128): 65 real parts and 65 imaginary ones of a frame.
    """
    samples = CONTEXT + WINDOW
    mirrored = np.pad(np.arange(samples), (0, REFLECTED), mode="reflect")
    starts = range(0, len(mirrored) - basis.shape[2] + 1, HOP)
    parts = np.split(basis[:, 0, :], 2)
    matrix: Matrix = np.zeros((samples, len(parts), len(starts), len(parts[0])), np.float32)
    for frame, start in enumerate(starts):
        for part, tones in enumerate(parts):
            heard = mirrored[start : start + basis.shape[2]]
            np.add.at(matrix[:, part, frame], heard, tones.T)
    return matrix.reshape(samples, -1)


def _convolution(kernel: Matrix, frames: int, stride: int) -> tuple[Matrix, int]:
    """Return the matrix of a convolution with a frame of zeros at each end, and its frames.

    Args:
        kernel: Shape (channels out, channels in, 3).
        frames: That go in.
        stride: Between those that come out.
    """
    channels_out, channels_in, taps = kernel.shape
    frames_out = (frames + 2 - taps) // stride + 1
    matrix: Matrix = np.zeros((frames, channels_in, frames_out, channels_out), np.float32)
    for after in range(frames_out):
        for tap in range(taps):
            before = after * stride + tap - 1
            if 0 <= before < frames:
                matrix[before, :, after] = kernel[:, :, tap].T
    return matrix.reshape(frames * channels_in, frames_out * channels_out), frames_out
