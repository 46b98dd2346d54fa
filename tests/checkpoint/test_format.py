"""One file: what goes in comes out, equal states are equal bytes, and no broken byte goes unseen."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest
import safetensors.numpy
from crc32c import crc32c
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from streamimb import testing
from streamimb.checkpoint.format import RottenError, digest, pack, unpack, unpack_header
from streamimb.checkpoint.tree import DTYPES, flatten
from streamimb.errors import StateError
from tests.checkpoint.trees import tree

numbers = st.integers(-(1 << 70), 1 << 70) | st.floats() | st.booleans() | st.none() | st.text(max_size=5)
arrays = st.sampled_from(sorted(DTYPES.values())).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
)
keys = st.text(max_size=4).filter(lambda key: key != "$")
trees = st.dictionaries(
    keys,
    st.recursive(
        numbers | arrays | arrays.filter(lambda a: a.size).map(lambda a: a.reshape(-1)[0]),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3) | st.tuples(inner, inner),
        max_leaves=8,
    ),
    max_size=4,
)


def packed(state: object, **header: object) -> bytes:
    return b"".join(pack(header, state))


@settings(max_examples=200, deadline=None)
@given(trees)
def test_what_goes_in_comes_out(state):
    """Any tree of plain data: types, shapes, NaN, big numbers and odd keys included; and so does its header."""
    header, found = unpack(packed(state, unit="a"))
    assert header["unit"] == "a"
    assert testing.digest(found) == testing.digest(state)
    assert packed(found) == packed(state)


def test_equal_states_are_equal_bytes():
    """Whatever the order of keys and the layout in memory."""
    a = np.arange(6, dtype=np.int32).reshape(2, 3)
    first = {"x": a, "y": {"p": 1, "q": 2.5}}
    second = {"y": {"q": 2.5, "p": 1}, "x": np.asfortranarray(a).astype(">i4")}
    assert packed(first) == packed(second)
    assert digest(first) == digest(second) != digest({**first, "z": None})


def test_a_file_is_a_safetensors_file():
    """Other tools can read the arrays, and the header's JSON beside them."""
    found = safetensors.numpy.load(packed({"a": {"b": np.arange(3.0)}}))
    assert found["/a/b"].tolist() == [0.0, 1.0, 2.0]
    assert sorted(found) == ["/a/b", "checksum"]


def test_restored_arrays_can_be_written_to():
    """A part may take an array over as its own."""
    _, found = unpack(packed(tree(1)))
    found["weights"][0] = 5.0


@pytest.mark.parametrize("at", [0, 5, 9, 40, 600, -4_000, -5, -4, -1])
@pytest.mark.parametrize("bit", [0, 7])
def test_a_flipped_bit_is_seen(at, bit):
    """Wherever it is: in the length, the header, an array, the checksum itself."""
    data = bytearray(packed(tree(1)))
    data[at] ^= 1 << bit
    with pytest.raises(RottenError):
        unpack(bytes(data))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_torn_file_is_seen(data):
    """However much of its end is missing, or is zeros."""
    whole = packed(tree(1))
    kept = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(RottenError):
        unpack(whole[:kept])
    if whole[kept:].strip(b"\0"):
        with pytest.raises(RottenError):
            unpack(whole[:kept] + bytes(len(whole) - kept))


def test_a_header_is_read_alone_and_verified():
    """From the start of a file; a changed letter of it is seen."""
    whole = packed(tree(1), name="one")
    start = whole[: whole.index(b"}}") + 400]
    assert unpack_header(start)["name"] == "one"
    with pytest.raises(RottenError, match="header's checksum"):
        unpack_header(start.replace(b"one", b"two"))
    with pytest.raises(RottenError, match="torn"):
        unpack_header(start[:3])
    with pytest.raises(RottenError, match="cannot be read"):
        unpack_header(start[:50])
    with pytest.raises(RottenError, match="so that is none"):
        unpack_header(b"\xff" * 64)


def test_a_file_of_another_format_is_refused_by_its_version():
    """It is no rot: the message names both versions, and how to go on."""
    whole = packed({}).replace(b'\\"format\\":1', b'\\"format\\":9')
    size = struct.unpack("<Q", whole[:8])[0]
    head = json.loads(whole[8 : 8 + size])
    text = head["__metadata__"]["header"]
    told = whole[:-4].replace(head["__metadata__"]["crc32c"].encode(), f"{crc32c(text.encode()):08x}".encode())
    with pytest.raises(StateError, match=r"format 9, this version of streamimb reads 1 .*migrate") as caught:
        unpack(told + struct.pack("<I", crc32c(told)))
    assert not isinstance(caught.value, RottenError)


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"a": {"b": object()}}, r"at /a/b is a object"),
        ({"a": np.array(["text"])}, r"at /a is an array of <U4"),
        ({"a": {1: 2}}, r"at /a has the key 1"),
        ({"$": 2}, r"has the key '\$'"),
        ({"a": b"bytes"}, r"at /a is a bytes"),
    ],
)
def test_what_is_no_plain_data_is_refused(state, said):
    """And the message says where in the state it is."""
    with pytest.raises(StateError, match=said):
        packed(state)


def test_a_state_that_contains_itself_is_refused():
    """Nesting has a bound."""
    state: dict[str, object] = {}
    state["again"] = state
    with pytest.raises(StateError, match="nested deeper"):
        flatten(state)


def test_paths_of_odd_keys_are_not_mixed_up():
    """A slash in a key is not a level."""
    state = {"a/b": np.zeros(1), "a": {"b": np.ones(1)}, "a~1b": np.full(1, 2.0)}
    assert testing.digest(unpack(packed(state))[1]) == testing.digest(state)
