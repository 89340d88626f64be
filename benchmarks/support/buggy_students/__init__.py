"""Backpropagation with the bugs of the catalogue, one row per bug, each at one place.

The code is independent of the diagnosis: plain numpy and textbook formulas, without the verifier.
"""

from collections.abc import Mapping
from types import MappingProxyType

from benchmarks.support.buggy_students.backward import student_gradients
from benchmarks.support.buggy_students.biases import BIASES
from benchmarks.support.buggy_students.hidden_paths import HIDDEN_PATHS
from benchmarks.support.buggy_students.hidden_slopes import HIDDEN_SLOPES
from benchmarks.support.buggy_students.mistake import (
    Gradients,
    Mistake,
    Requirements,
    Student,
    mistake_layers,
)
from benchmarks.support.buggy_students.numbers import NUMBERS
from benchmarks.support.buggy_students.output_delta import OUTPUT_DELTAS
from benchmarks.support.buggy_students.output_slopes import AT_OUTPUT
from benchmarks.support.buggy_students.penalties import PENALTIES
from benchmarks.support.buggy_students.products import PRODUCTS
from benchmarks.support.buggy_students.scales import SCALES

STUDENTS: Mapping[str, Student] = MappingProxyType(
    {
        row.bug: row
        for row in (
            *SCALES,
            *OUTPUT_DELTAS,
            *HIDDEN_SLOPES,
            *HIDDEN_PATHS,
            *PRODUCTS,
            *BIASES,
            *PENALTIES,
            *NUMBERS,
        )
    }
)

__all__ = [
    "AT_OUTPUT",
    "STUDENTS",
    "Gradients",
    "Mistake",
    "Requirements",
    "Student",
    "mistake_layers",
    "student_gradients",
]
