"""The turn model's graph, made cheaper for onnxruntime: a third of its time for a short turn.

**Lightened.** The file is quantised in places where that costs more than it saves::

    MatMul > QuantizeLinear > DequantizeLinear > Softmax      MatMul > Softmax
    Div > Erf > Add > Mul > Mul                               Gelu

onnxruntime runs the quantised ``Softmax`` by a table, one value after the other, in 2.4 ms a layer;
the plain one takes 0.35. And ``Gelu`` in one piece makes one pass over the values instead of five,
which onnxruntime does not see itself, since it looks before the quantisation is taken together.

Weights and all products of matrices stay as they are. What changes is within what the quantised
model does by itself: of 506 verdicts on recordings, half of them cut off in the middle, 23 are
others, but 25 when the audio gets noise of one step of 16 bits, and 18 when it begins a sample
later. As many of the whole recordings are complete as before (85 %).

**Thinned.** The model always looks at eight seconds, 400 frames; before a turn of two it looks at
300 frames of silence, which cost as much as speech. Of those it is shown each eighth, which counts
for eight: ``log 8`` is added to its scores wherever the model weighs frames against each other::

    frames of speech, and of 0.2 s before it    each is shown, and counts once
    frames of the silence before that           each eighth is shown, and counts eight times

This changes verdicts, and not for the worse: the silence makes the model call a turn complete.
``python -m voiceai bench turn-model`` tells how well whole sentences are told from some that were
cut off, beside the file as it is shipped; decision 0021 has the figures.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, load_from_string, numpy_helper

__all__ = [
    "FRAMES",
    "FRAME_INDEX",
    "LOG_WEIGHTS",
    "lightened",
    "looked_at",
    "thinned",
]

CONTRIBUTED: Final = "com.microsoft"
"""The domain of onnxruntime's own operators; the file imports it."""
GELU: Final = ("Div", "Erf", "Add", "Mul", "Mul")
FRAMES: Final = 400
"""Of 20 ms: what the model weighs against each other; its features come every 10 ms."""
FRAMES_PER_SECOND: Final = 50
FRAME_INDEX: Final = "frame_index"
LOG_WEIGHTS: Final = "log_weights"
"""What a thinned model takes besides features: see :func:`looked_at`."""
STRIDE: Final = 8
LED_BY: Final = 10
"""Frames of silence before speech (0.2 s) that are all looked at."""
POSITIONS: Final = "embed_positions.weight"
"""The end of the name of what is added to each frame to say where it is."""
UNKNOWN: Final = "this is not smart-turn v3.2, and cannot be shown some frames only"
QUANTISED_SOFTMAX: Final = ("QuantizeLinear", "DequantizeLinear", "Softmax")


def lightened(model: bytes) -> bytes:
    """Return a model that says the same in less time; what it does not know stays as it is."""
    loaded = load_from_string(model)
    readers: dict[str, list[NodeProto]] = defaultdict(list)
    for node in loaded.graph.node:
        for name in node.input:
            readers[name].append(node)
    changed: dict[str, NodeProto | None] = {}  # by what a node gives; None is left out
    for first in loaded.graph.node:
        if (chain := _chain(first, GELU, readers)) and first.input[0] in chain[-1].input:
            gelu = helper.make_node("Gelu", first.input[:1], chain[-1].output, domain=CONTRIBUTED)
            changed |= dict.fromkeys(map(_result, chain))
            changed[_result(chain[-1])] = gelu
        elif chain := _chain(first, QUANTISED_SOFTMAX, readers):
            changed |= dict.fromkeys(map(_result, chain[:-1]))
            chain[-1].input[0] = first.input[0]
    kept = (changed.get(_result(node), node) for node in loaded.graph.node)
    return _with_nodes(loaded, [node for node in kept if node is not None])


def thinned(model: bytes) -> bytes:
    """Return a lightened model that looks at some frames only, and weighs them.

    It takes two further tensors, as :func:`looked_at` returns them.

    Raises:
        ValueError: It is not the model that this was made for.
    """
    loaded = load_from_string(model)
    all_frames, as_many_as_there_are = (_constant(loaded, size) for size in (FRAMES, -1))
    products = {node.output[0] for node in loaded.graph.node if node.op_type == "MatMul"}
    row = helper.make_node("Reshape", [LOG_WEIGHTS, as_many_as_there_are], [f"{LOG_WEIGHTS}_row"])
    nodes, gathered = [row], 0
    for node in loaded.graph.node:
        nodes.append(node)
        if any(name.endswith(POSITIONS) for name in node.input):
            gathered += 1
            some, everything = node.output[0], f"{node.output[0]}_everywhere"
            node.output[0] = everything
            nodes.append(helper.make_node("Gather", [everything, FRAME_INDEX], [some], axis=1))
        elif node.op_type == "Softmax":
            scores, weighted = node.input[0], f"{node.input[0]}_weighted"
            # attention has frames on its last axis; the one sum of all of them, on its last but one
            weights = row.output[0] if scores in products else LOG_WEIGHTS
            nodes.insert(-1, helper.make_node("Add", [scores, weights], [weighted]))
            node.input[0] = weighted
        elif node.op_type == "Concat":
            shape = [as_many_as_there_are if name == all_frames else name for name in node.input]
            node.input[:] = shape
    if gathered != 1:
        raise ValueError(f"{gathered} tensors of positions: {UNKNOWN}")
    loaded.graph.input.extend(
        (
            helper.make_tensor_value_info(FRAME_INDEX, TensorProto.INT64, ["frames"]),
            helper.make_tensor_value_info(LOG_WEIGHTS, TensorProto.FLOAT, ["frames", 1]),
        )
    )
    return _with_nodes(loaded, nodes)


def looked_at(seconds: float) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return which frames a thinned model is shown of audio with silence before it.

    Args:
        seconds: Of the audio; what it lacks to eight is silence.

    Returns:
        Their indices, shape (n,), and the logarithms of how much they count, shape (n, 1).
    """
    silent = FRAMES - LED_BY - math.ceil(seconds * FRAMES_PER_SECOND)
    groups = max(0, silent) // STRIDE
    sampled = np.arange(groups) * STRIDE + STRIDE // 2
    index = np.concatenate((sampled, np.arange(groups * STRIDE, FRAMES)))
    log_weights = np.zeros((len(index), 1), np.float32)
    log_weights[:groups] = math.log(STRIDE)
    return index.astype(np.int64), log_weights


def _chain(
    first: NodeProto, operators: tuple[str, ...], readers: Mapping[str, Sequence[NodeProto]]
) -> list[NodeProto]:
    """Return the nodes that alone read each other's results, if these are their operators."""
    chain = [first]
    for _ in operators[1:]:
        behind = readers[chain[-1].output[0]]
        if len(behind) != 1:
            return []
        chain += behind
    return chain if tuple(node.op_type for node in chain) == operators else []


def _result(node: NodeProto) -> str:
    """Return the name of what a node gives, or gives first."""
    name: str = node.output[0]
    return name


def _constant(model: ModelProto, value: int) -> str:
    """Return the name of the constant shape ``(value,)``."""
    for tensor in model.graph.initializer:
        is_size = tensor.data_type == TensorProto.INT64 and tuple(tensor.dims) == (1,)
        if is_size and numpy_helper.to_array(tensor)[0] == value:
            name: str = tensor.name
            return name
    raise ValueError(f"no constant is {value}: {UNKNOWN}")


def _with_nodes(model: ModelProto, nodes: Sequence[NodeProto]) -> bytes:
    """Return a model with other nodes, each behind those whose outputs it reads.

    Constants that none of them reads are left out, and what the file says of the tensors between
    them, which may no longer be: onnxruntime finds that out itself.
    """
    read = {name for node in nodes for name in node.input}
    constants = [tensor for tensor in model.graph.initializer if tensor.name in read]
    changed = ModelProto()
    changed.CopyFrom(model)
    for field, values in (("node", nodes), ("initializer", constants), ("value_info", ())):
        changed.graph.ClearField(field)
        getattr(changed.graph, field).extend(values)
    written: bytes = changed.SerializeToString()
    return written
