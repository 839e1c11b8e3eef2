"""ONNX files: what is read of one, and that the rest of it survives being written again."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.onnx_file import (
    INTEGERS,
    Node,
    Tensor,
    integers_of,
    named_integer,
    nodes_of,
    with_inputs,
    with_nodes,
)


def field(number: int, value: bytes) -> bytes:
    """A field of bytes; both number and length below 128."""
    return bytes((number << 3 | 2, len(value))) + value


ATTRIBUTE = field(5, b"axis")
READER = field(1, b"x") + field(1, b"half") + field(2, b"y") + field(4, b"Mul") + ATTRIBUTE
GRAPH = b"".join(
    (
        field(1, READER),
        field(1, field(1, b"y") + field(2, b"z") + field(4, b"Gelu") + field(7, b"com.microsoft")),
        field(2, b"main"),
        field(5, field(8, b"half") + field(9, struct.pack("<f", 0.5))),
        field(5, field(8, b"one") + field(9, struct.pack("<f", 1.0))),
        field(13, field(1, b"y")),
    )
)
VERSION = b"\x08\x0a"  # a number
MODEL = VERSION + field(7, GRAPH) + field(2, b"somebody")


def test_nodes_are_read_with_their_names_and_the_rest_as_it_stands() -> None:
    assert nodes_of(MODEL) == [
        Node("Mul", ("x", "half"), ("y",), rest=ATTRIBUTE),
        Node("Gelu", ("y",), ("z",), "com.microsoft"),
    ]


def test_what_is_written_reads_the_same_and_keeps_the_rest() -> None:
    written = with_nodes(MODEL, nodes_of(MODEL))

    assert nodes_of(written) == nodes_of(MODEL)
    assert field(2, b"main") in written
    assert written.startswith(VERSION)
    assert field(2, b"somebody") in written


def test_constants_that_nothing_reads_are_left_out() -> None:
    written = with_nodes(MODEL, nodes_of(MODEL)[:1])

    assert b"half" in written
    assert b"one" not in written


def test_a_node_can_read_another_tensor() -> None:
    node = nodes_of(MODEL)[0].reading("x", "z")

    assert node.inputs == ("z", "half")
    assert node.rest == ATTRIBUTE


def test_constants_of_integers_are_told_apart_from_others() -> None:
    integers = field(5, b"\x10\x07" + field(8, b"shape") + field(9, struct.pack("<2q", -1, 400)))
    floats = field(5, b"\x10\x01" + field(8, b"half") + field(9, struct.pack("<f", 0.5)))

    assert integers_of(field(7, integers + floats)) == {"shape": (-1, 400)}


def test_an_attribute_is_written_as_in_the_file_format() -> None:
    # as the package onnx writes it, in field 5 of a node
    assert named_integer("axis", 1) == field(5, b"\x0a\x04axis\x18\x01\xa0\x01\x02")


def test_a_further_input_is_written_as_in_the_file_format_and_the_rest_stays() -> None:
    written = with_inputs(MODEL, {"kept": Tensor(INTEGERS, ("n", 1))})

    # as the package onnx writes a tensor of 64-bit integers of this name and shape
    shape = field(1, field(2, b"n")) + field(1, b"\x08\x01")
    assert (
        field(11, field(1, b"kept") + field(2, field(1, b"\x08\x07" + field(2, shape)))) in written
    )
    assert nodes_of(written) == nodes_of(MODEL)
    assert field(2, b"somebody") in written


@given(st.binary(max_size=200))
def test_what_is_no_onnx_file_is_said_to_be_none(data: bytes) -> None:
    try:
        nodes = nodes_of(data)
    except ValueError:
        return
    assert nodes_of(with_nodes(data, nodes)) == nodes


@pytest.mark.parametrize("length", range(1, len(MODEL) - len(field(2, b"somebody"))))
def test_a_file_that_was_cut_off_is_no_onnx_file(length: int) -> None:
    with pytest.raises(ValueError, match=r"ONNX|ends"):
        nodes_of(MODEL[:length])
