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

    frames   speech 0.2 s before it, and all of it     each counts once
             silence                                   each eighth counts eight times

This changes verdicts, and for the better: the silence makes the model call a turn complete.
``python -m voiceai bench turn-model`` tells how well whole sentences are told from some that were
cut off, beside the file as it is shipped; decision 0021 has the figures.
"""

import math
from collections import defaultdict
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipelines.onnx_file import (
    FLOATS,
    INTEGERS,
    Node,
    Tensor,
    integers_of,
    named_integer,
    nodes_of,
    with_inputs,
    with_nodes,
)

__all__ = [
    "FRAMES",
    "FRAMES_PER_SECOND",
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
FRAMES_PER_SECOND: Final = 50
FRAME_INDEX: Final = "frame_index"
LOG_WEIGHTS: Final = "log_weights"
"""What a thinned model takes besides features: see :func:`looked_at`."""
STRIDE: Final = 8
LED_BY: Final = 10
"""Frames of silence before speech (0.2 s) that are all looked at."""
POSITIONS: Final = "embed_positions.weight"
"""The end of the name of what is added to each frame to say where it is."""
QUANTISED_SOFTMAX: Final = ("QuantizeLinear", "DequantizeLinear", "Softmax")


def lightened(model: bytes) -> bytes:
    """Return a model that says the same in less time; what it does not know stays as it is.

    Raises:
        ValueError: It is no ONNX file.
    """
    nodes = nodes_of(model)
    readers: dict[str, list[Node]] = defaultdict(list)
    for node in nodes:
        for name in node.inputs:
            readers[name].append(node)
    changed: dict[int, Node | None] = {}  # by the identity of a node; None is left out
    for first in nodes:
        if (chain := _chain(first, GELU, readers)) and first.inputs[0] in chain[-1].inputs:
            changed |= dict.fromkeys(map(id, chain))
            changed[id(chain[-1])] = Node("Gelu", first.inputs[:1], chain[-1].outputs, CONTRIBUTED)
        elif chain := _chain(first, QUANTISED_SOFTMAX, readers):
            changed |= dict.fromkeys(map(id, chain[:-1]))
            changed[id(chain[-1])] = chain[-1].reading(chain[-1].inputs[0], first.inputs[0])
    kept = (changed.get(id(node), node) for node in nodes)
    return with_nodes(model, [node for node in kept if node is not None])


def thinned(model: bytes) -> bytes:
    """Return a lightened model that looks at some frames only, and weighs them.

    It takes two further tensors, as :func:`looked_at` returns them.

    Raises:
        ValueError: It is not the model that this was made for.
    """
    integers = {value: name for name, value in integers_of(model).items()}
    all_frames, as_many_as_there_are = integers.get((FRAMES,)), integers.get((-1,))
    nodes = nodes_of(model)
    scores = {node.outputs[0] for node in nodes if node.operator == "MatMul"}
    positioned = [node for node in nodes if any(name.endswith(POSITIONS) for name in node.inputs)]
    if all_frames is None or as_many_as_there_are is None or len(positioned) != 1:
        raise ValueError("this is not smart-turn v3.2: it cannot be shown some frames only")
    row = Node("Reshape", (LOG_WEIGHTS, as_many_as_there_are), (f"{LOG_WEIGHTS}_row",))
    changed = [row]
    for node in nodes:
        if node in positioned:
            everything = f"{node.outputs[0]}_everywhere"
            gather = Node(
                "Gather", (everything, FRAME_INDEX), node.outputs, rest=named_integer("axis", 1)
            )
            changed += [replace(node, outputs=(everything,)), gather]
        elif node.operator == "Softmax":
            score = node.inputs[0]
            weights = row.outputs[0] if score in scores else LOG_WEIGHTS  # or of all the frames
            weighted = Node("Add", (score, weights), (f"{score}_weighted",))
            changed += [weighted, node.reading(score, *weighted.outputs)]
        elif node.operator == "Concat":
            changed.append(node.reading(all_frames, as_many_as_there_are))
        else:
            changed.append(node)
    asked = {FRAME_INDEX: Tensor(INTEGERS, ("frames",)), LOG_WEIGHTS: Tensor(FLOATS, ("frames", 1))}
    return with_inputs(with_nodes(model, changed), asked)


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


def _chain(first: Node, operators: tuple[str, ...], readers: dict[str, list[Node]]) -> list[Node]:
    """Return the nodes that alone read each other's results, if these are their operators."""
    chain = [first]
    for _ in operators[1:]:
        behind = readers[chain[-1].outputs[0]]
        if len(behind) != 1:
            return []
        chain += behind
    return chain if tuple(node.operator for node in chain) == operators else []
