"""Matrices of MATLAB and Octave are read as gradients, and hostile files are refused in a sentence."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat
from scipy.sparse import csc_matrix

from verifier.documents.assignment import read_assignment
from verifier.documents.assignment_files import assignment_document
from verifier.documents.files import parse_bytes
from verifier.documents.gradients import parse_gradients, read_uploaded_gradients
from verifier.documents.json import Bounds
from verifier.documents.matlab import read_matrices
from verifier.problem.errors import MalformedSubmission, UnreadableSubmission

GRADIENTS: dict[str, Any] = {
    "dW1": np.arange(12.0).reshape(3, 4) / 7, "db1": np.arange(4.0)[None],
    "dW2": np.arange(8.0).reshape(4, 2) / 3, "db2": np.array([[1.0], [2.0]]),
}  # fmt: skip
PROBLEM: dict[str, Any] = {
    "network": {"layers": [{"in": 3, "out": 4, "activation": "tanh"}, {"in": 4, "out": 2}]},
    "loss": "cross_entropy",
    "parameters": {"W1": np.ones((3, 4)), "b1": np.ones(4), "W2": np.ones((4, 2)), "b2": np.ones(2)},
    "inputs": np.ones((5, 3)),
    "targets": np.array([[0], [1], [1], [0], [1]]),
}
OCTAVE = b"""# Created by Octave 8.4.0, Sun Nov 29 12:00:00 2026 UTC <ada@lab>
# name: dW1
# type: matrix
# rows: 2
# columns: 3
 1 2.5 -3e-2
 NA Inf 6


# name: step
# type: scalar
0.5


# name: g
# type: float matrix
# ndims: 3
 1 2 2
 1
 2
 3
 4


"""


def mat(compressed: bool = True, **arrays: Any) -> bytes:
    stream = io.BytesIO()
    savemat(stream, arrays, do_compression=compressed)
    return stream.getvalue()


@pytest.mark.parametrize("compressed", [True, False])
def test_gradients_of_matlab_are_read(compressed: bool) -> None:
    submission = read_uploaded_gradients(PROBLEM, parse_gradients(mat(compressed, **GRADIENTS)))
    np.testing.assert_array_equal(submission.gradients["layers.1.weight"], GRADIENTS["dW2"])
    np.testing.assert_array_equal(submission.gradients["layers.1.bias"], [1, 2])
    assert submission.precision.name == "float64"
    single = {name: array.astype(np.float32) for name, array in GRADIENTS.items()}
    assert read_uploaded_gradients(PROBLEM, parse_gradients(mat(**single))).precision.name == "float32"


def test_whole_numbers_of_matlab_stay_floating_point() -> None:
    assert read_matrices(mat(a=np.ones((2, 2))))["a"].dtype == np.float64


def test_matrices_of_octaves_text_are_read() -> None:
    matrices = read_matrices(OCTAVE)
    np.testing.assert_array_equal(matrices["dW1"], [[1, 2.5, -0.03], [np.nan, np.inf, 6]])
    assert matrices["step"] == 0.5
    np.testing.assert_array_equal(matrices["g"], np.array([[[1, 3], [2, 4]]], dtype=np.float32))
    assert matrices["g"].dtype == np.float32


def test_the_arrays_of_an_assignment_may_be_matlabs(tmp_path: Path) -> None:
    (tmp_path / "problem.mat").write_bytes(
        mat(**PROBLEM["parameters"], X=PROBLEM["inputs"], y=PROBLEM["targets"])
    )
    (tmp_path / "hw.json").write_text(
        '{"problem": {"arrays": "problem.mat", "loss": "cross_entropy", "network": {"layers": '
        '[{"in": 3, "out": 4, "activation": "tanh"}, {"in": 4, "out": 2}]}}}'
    )
    assignment = read_assignment(assignment_document(tmp_path / "hw.json"))
    np.testing.assert_array_equal(assignment.problem["inputs"], PROBLEM["inputs"])


def damaged(**changes: Any) -> bytes:
    content = bytearray(mat(compressed=False, dW1=GRADIENTS["dW1"]))
    for position, value in changes.items():
        struct.pack_into("<I", content, int(position[1:]), value)
    return bytes(content)


def bomb() -> bytes:
    """Return a file with an element that inflates to 64 MB."""
    element = zlib.compress(struct.pack("<II", 14, 1 << 26) + bytes(1 << 26))
    return mat()[:128] + struct.pack("<II", 15, len(element)) + element


HOSTILE = {
    "a structure": (mat(grads=GRADIENTS), "'grads' of type struct; save('FILE.mat', '-struct', 'grads')"),
    "cells": (mat(c=np.array([1, "a"], dtype=object)), "'c' of type cell; save matrices of numbers"),
    "text": (mat(s="text"), "'s' of type char"),
    "sparse": (mat(s=csc_matrix(np.eye(3))), "save full(…) of it"),
    "complex": (mat(z=np.array([[1j]])), "complex ones in 'z'; save their real parts"),
    "cut off": (mat(**GRADIENTS)[:-9], "a damaged one"),
    "no header": (mat()[:100], "a damaged one (its header)"),
    "another kind of element": (damaged(_128=9), "a damaged one ("),
    "a length beyond the end": (damaged(_132=2**32 - 1), "a damaged one ("),
    "more axes than bytes": (damaged(_156=2**31 - 1), "a damaged one"),
    "a shape of 2**62 numbers": (damaged(_160=2**31 - 1, _164=2**31 - 1), "at most 134217728 numbers"),
    "a shape of too many numbers": (damaged(_160=2**12, _164=2**12), "a damaged one"),
    "an inflating bomb": (bomb(), "at most 1048576 bytes inflated"),
    "MATLAB 7.3": (b"MATLAB 7.3 MAT-file, Platform: GLNXA64", "save it with save('FILE.mat', '-v7', …)"),
    "HDF5": (b"\x89HDF\r\n\x1a\n", "save it with save('FILE.mat', '-v7', …)"),
    "too few values in text": (OCTAVE.replace(b" NA Inf 6\n", b""), "3 values for 'dW1' of shape (2, 3)"),
    "words in text": (OCTAVE.replace(b"Inf", b"much"), "6 values for 'dW1' of shape (2, 3)"),
    "cells in text": (OCTAVE.replace(b"type: scalar", b"type: cell"), "'step' of type cell"),
    "twice in text": (OCTAVE.replace(b"step", b"dW1"), "a name more than once"),
}


@pytest.mark.parametrize(("content", "message"), HOSTILE.values(), ids=HOSTILE)
def test_other_values_and_hostile_files_are_refused_in_a_sentence(content: bytes, message: str) -> None:
    bounds = Bounds(inflated=1 << 20) if "inflated" in message else Bounds()
    with pytest.raises(UnreadableSubmission) as error:
        parse_gradients(content, bounds)
    assert message in str(error.value)


def test_no_byte_of_a_file_can_raise_anything_else() -> None:
    rng = np.random.default_rng(0)
    content = mat(compressed=False, **GRADIENTS)
    refused = 0
    for _ in range(2000):
        changed = bytearray(content)
        for position in rng.integers(0, len(content), 3):
            changed[position] = rng.integers(0, 256)
        try:
            read_matrices(bytes(changed))
        except UnreadableSubmission:
            refused += 1
    assert refused > 20


def test_a_whole_submission_is_not_a_mat_file() -> None:
    with pytest.raises(MalformedSubmission, match="add --assignment FILE"):
        parse_bytes(mat(**GRADIENTS))
