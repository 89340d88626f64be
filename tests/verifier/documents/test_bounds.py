"""Bounds on size: refusals by bytes, headers and lengths, with the size and the bound."""

import io
import json
import struct
import zipfile
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest

from tests.pairwise import each
from tests.verifier.builders import small_document
from verifier.documents.files import parse_bytes, write_document
from verifier.documents.gradients import parse_gradients
from verifier.documents.json import DEFAULT_BOUNDS, Bounds, check_document, check_text
from verifier.documents.npz import parse_npz
from verifier.problem.errors import OversizedSubmission, UnreadableSubmission

DOCUMENT = small_document()
BINARY = ("npz", "safetensors")


@pytest.mark.parametrize(
    ("text", "bound", "words"),
    [
        ("[1, 2, 3]", Bounds(numbers=2), "at most 2 numbers, got 3"),
        ("[[[]]]", Bounds(depth=2), "at most 2 deep, got nesting 3 deep"),
        ('{"a": {"b": [1]}}', Bounds(depth=2), "nesting 3 deep"),
        ('{"]]]]": [[1]]}', Bounds(depth=2), "nesting 3 deep"),  # what a string holds closes nothing
        ('{"\\"]]": [[1]]}', Bounds(depth=2), "nesting 3 deep"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_text_beyond_a_bound_is_refused_in_every_encoding(
    text: str, bound: Bounds, words: str, encoding: str
) -> None:
    with pytest.raises(UnreadableSubmission, match=words):
        parse_bytes(text.encode(encoding), bound)


@each(
    ['"[[[[[["', '{"[[[[": 1}', '"' + "," * 100 + '"', "", '"', '"\\', "]]]]", '["∢[[", "\\\\"]', "[],[],[]"]
)
def test_what_stands_in_strings_or_is_broken_is_not_held_against_a_text(text: str) -> None:
    assert check_text(text, Bounds(depth=2, numbers=5)) is None


@each([('"\\', True), ('"\\"', True), ("[", False), ('["', False), ("{}", True), ('\\"', True)])
def test_a_text_made_to_be_slow_is_scanned_at_once(unit: str, shallow: bool) -> None:
    text = unit * (2_000_000 // len(unit))  # in quadratic time this would take hours
    with nullcontext() if shallow else pytest.raises(UnreadableSubmission, match="nested at most 64 deep"):
        check_text(text, DEFAULT_BOUNDS)


def numbers_of(document: dict[str, Any]) -> int:
    arrays = [document["inputs"], document["targets"]]
    arrays += [*document["parameters"].values(), *document["gradients"].values()]
    return sum(np.size(array) for array in arrays)


@each(BINARY)
def test_a_binary_file_of_too_many_numbers_or_arrays_is_refused(name: str) -> None:
    content = write_document(DOCUMENT, name)
    count = numbers_of(DOCUMENT)
    assert parse_bytes(content, Bounds(numbers=count + 1))
    with pytest.raises(OversizedSubmission, match=f"at most {count - 1} numbers"):
        parse_bytes(content, Bounds(numbers=count - 1))
    with pytest.raises(OversizedSubmission, match="at most 5 arrays"):
        parse_bytes(content, Bounds(arrays=5))
    with pytest.raises(OversizedSubmission, match="at most 5 arrays"):
        parse_gradients(content, Bounds(arrays=5))


def test_a_header_that_promises_too_much_is_refused_by_its_promise() -> None:
    header = json.dumps({"inputs": {"dtype": "F64", "shape": [10**6, 10**6], "data_offsets": [0, 8]}})
    content = struct.pack("<Q", len(header)) + header.encode() + bytes(8)
    with pytest.raises(OversizedSubmission, match="at most 134217728 numbers, got 1000000000000"):
        parse_bytes(content)


@pytest.mark.parametrize("header", ["[" * 200, "{" * 5_000, "{'descr': '<f8'}", "1", "", "__import__('os')"])
def test_a_header_that_numpy_cannot_read_is_a_mistake_of_the_file(header: str) -> None:
    text = header.encode() + b"\n"
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("inputs.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text)
    with pytest.raises(UnreadableSubmission, match=r"a damaged one in 'inputs\.npy'"):
        parse_npz(stream.getvalue())


def test_layers_and_arrays_of_a_document_are_counted_before_they_are_read() -> None:
    bounds = Bounds(layers=1, arrays=8)
    with pytest.raises(OversizedSubmission, match="/network/layers: expected at most 1 layers, got 2"):
        check_document(DOCUMENT, bounds)
    with pytest.raises(OversizedSubmission, match="at most 7 arrays, got 8"):
        check_document(DOCUMENT, Bounds(arrays=7))
    check_document(DOCUMENT, Bounds(layers=2, arrays=8))


@each([None, 3, [], {}, {"network": 3}, {"network": {"layers": 3}}, {"parameters": [], "masks": "x"}])
def test_a_document_that_is_none_is_left_to_its_reader(document: Any) -> None:
    assert check_document(document, Bounds(layers=0, arrays=0)) is None
