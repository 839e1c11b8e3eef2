"""The nodes of an ONNX file: read, and written again with others, by no foreign library.

An ONNX file is a message of protobuf: fields of a number, a wire type and a value, in any order.
What is not looked at is kept byte for byte. Numbers are those of ``onnx.proto`` (Apache-2.0).
"""

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

__all__ = [
    "FLOATS",
    "INTEGERS",
    "Node",
    "Tensor",
    "integers_of",
    "named_integer",
    "nodes_of",
    "with_inputs",
    "with_nodes",
]

VARINT: Final = 0
BYTES: Final = 2
FIXED: Final = {1: 8, 5: 4}
"""Sizes by wire type."""
MODEL_GRAPH: Final = 7
GRAPH_NODE: Final = 1
GRAPH_INITIALIZER: Final = 5
GRAPH_INPUT: Final = 11
GRAPH_VALUE_INFO: Final = 13
TENSOR_TYPE, TENSOR_NAME, TENSOR_RAW = 2, 8, 9
FLOATS: Final = 1
INTEGERS: Final = 7
"""Of 64 bits, as ``FLOATS`` are of 32: types of what a tensor holds."""
NODE_ATTRIBUTE: Final = 5
ATTRIBUTE_NAME, ATTRIBUTE_INTEGER, ATTRIBUTE_TYPE = 1, 3, 20
INTEGER_ATTRIBUTE: Final = 2
NODE_INPUT, NODE_OUTPUT, NODE_OPERATOR, NODE_DOMAIN = 1, 2, 4, 7

Field = tuple[int, bytes, bytes]
"""Its number; its value, without the length; and all of its bytes."""


@dataclass(frozen=True, slots=True)
class Node:
    """One operation.

    Attributes:
        operator: Such as ``MatMul``.
        inputs: Names of tensors.
        outputs: Names of tensors.
        domain: Of the operator; empty for ONNX's own.
        rest: The other fields, attributes among them, as they stand in the file.
    """

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    domain: str = ""
    rest: bytes = b""

    def reading(self, old: str, new: str) -> "Node":
        """Return the node with another input in the place of one."""
        return replace(self, inputs=tuple(new if name == old else name for name in self.inputs))


class Tensor(NamedTuple):
    """What a model takes.

    Attributes:
        holds: ``FLOATS`` or ``INTEGERS``.
        shape: Its dimensions; one that has a name may be of any size.
    """

    holds: int
    shape: tuple[int | str, ...]


def nodes_of(model: bytes) -> list[Node]:
    """Return a model's nodes in their order.

    Raises:
        ValueError: It is no ONNX file.
    """
    graph = _only(_fields(model), MODEL_GRAPH)
    return [_node(value) for number, value, _ in _fields(graph) if number == GRAPH_NODE]


def with_nodes(model: bytes, nodes: Sequence[Node]) -> bytes:
    """Return a model with other nodes.

    Constants that none of them reads are left out, and what the file says of the tensors between
    them, which may no longer be: onnxruntime finds that out itself.

    Args:
        model: An ONNX file.
        nodes: Each behind those whose outputs it reads.

    Raises:
        ValueError: It is no ONNX file.
    """
    read = {name for node in nodes for name in node.inputs}
    graph = [_field(GRAPH_NODE, _written(node)) for node in nodes]
    for number, value, whole in _fields(_only(_fields(model), MODEL_GRAPH)):
        if number in (GRAPH_NODE, GRAPH_VALUE_INFO):
            continue
        if number == GRAPH_INITIALIZER and _only(_fields(value), TENSOR_NAME).decode() not in read:
            continue
        graph.append(whole)
    kept = [whole for number, _, whole in _fields(model) if number != MODEL_GRAPH]
    return b"".join((*kept, _field(MODEL_GRAPH, b"".join(graph))))


def with_inputs(model: bytes, inputs: Mapping[str, Tensor]) -> bytes:
    """Return a model that takes further tensors.

    Args:
        model: An ONNX file.
        inputs: What they are, by name.

    Raises:
        ValueError: It is no ONNX file.
    """
    added = b"".join(
        _field(GRAPH_INPUT, _value_info(name, tensor)) for name, tensor in inputs.items()
    )
    graph = _only(_fields(model), MODEL_GRAPH) + added
    kept = [whole for number, _, whole in _fields(model) if number != MODEL_GRAPH]
    return b"".join((*kept, _field(MODEL_GRAPH, graph)))


def integers_of(model: bytes) -> dict[str, tuple[int, ...]]:
    """Return the constants of a model that hold integers, by name.

    Raises:
        ValueError: It is no ONNX file.
    """
    graph = _only(_fields(model), MODEL_GRAPH)
    found = {}
    for number, value, _ in _fields(graph):
        if number != GRAPH_INITIALIZER:
            continue
        fields = {number: (value, whole) for number, value, whole in _fields(value)}
        if TENSOR_RAW in fields and fields[TENSOR_TYPE][1][-1] == INTEGERS:
            raw = fields[TENSOR_RAW][0]
            found[fields[TENSOR_NAME][0].decode()] = struct.unpack(f"<{len(raw) // 8}q", raw)
    return found


def named_integer(name: str, value: int) -> bytes:
    """Return an attribute of a node, for :attr:`Node.rest`."""
    attribute = _field(ATTRIBUTE_NAME, name.encode())
    attribute += _number(ATTRIBUTE_INTEGER, value) + _number(ATTRIBUTE_TYPE, INTEGER_ATTRIBUTE)
    return _field(NODE_ATTRIBUTE, attribute)


def _value_info(name: str, tensor: Tensor) -> bytes:
    """Name 1; type 2, of it tensor 1, of it what it holds 1 and shape 2, of it a dimension 1."""
    dimensions = b"".join(
        _field(1, _number(1, size) if isinstance(size, int) else _field(2, size.encode()))
        for size in tensor.shape
    )
    written = _number(1, tensor.holds) + _field(2, dimensions)
    return _field(1, name.encode()) + _field(2, _field(1, written))


def _node(value: bytes) -> Node:
    names: dict[int, list[str]] = {
        number: [] for number in (NODE_INPUT, NODE_OUTPUT, NODE_OPERATOR, NODE_DOMAIN)
    }
    rest = []
    for number, found, whole in _fields(value):
        if number in names:
            names[number].append(found.decode())
        else:
            rest.append(whole)
    return Node(
        operator="".join(names[NODE_OPERATOR]),
        inputs=tuple(names[NODE_INPUT]),
        outputs=tuple(names[NODE_OUTPUT]),
        domain="".join(names[NODE_DOMAIN]),
        rest=b"".join(rest),
    )


def _written(node: Node) -> bytes:
    texts = [(NODE_INPUT, name) for name in node.inputs]
    texts += [(NODE_OUTPUT, name) for name in node.outputs]
    texts += [(NODE_OPERATOR, node.operator), (NODE_DOMAIN, node.domain)]
    return b"".join(_field(number, text.encode()) for number, text in texts) + node.rest


def _only(fields: Iterable[Field], number: int) -> bytes:
    """Return the value of the last field of a number, which is the one that counts."""
    values = [value for found, value, _ in fields if found == number]
    if not values:
        raise ValueError(f"there is no field {number}: this is no ONNX file")
    return values[-1]


def _fields(message: bytes) -> Iterator[Field]:
    at = 0
    while at < len(message):
        begin = at
        key, at = _varint(message, at)
        number, kind = key >> 3, key & 7
        if kind == VARINT:
            _, end = _varint(message, at)
        elif kind == BYTES:
            length, at = _varint(message, at)
            end = at + length
        elif kind in FIXED:
            end = at + FIXED[kind]
        else:
            raise ValueError(f"wire type {kind}: this is no ONNX file")
        if end > len(message):
            raise ValueError("the file ends within a field")
        yield number, message[at:end], message[begin:end]
        at = end


def _field(number: int, value: bytes) -> bytes:
    return _as_varint(number << 3 | BYTES) + _as_varint(len(value)) + value


def _number(number: int, value: int) -> bytes:
    return _as_varint(number << 3 | VARINT) + _as_varint(value)


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """Return a number of seven bits a byte, the low ones first, and where it ends."""
    value = shift = 0
    while at < len(message):
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise ValueError("the file ends within a number")


def _as_varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
