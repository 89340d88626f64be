"""Golden reports, written and compared.

The stored file holds every submission with its report (whole arrays, diagnosis) and the student's view of it.
On the machine that wrote it every number must be the same to the last bit. Elsewhere BLAS kernels and numpy's
elementary functions round differently, so numbers may differ by `RELATIVE`, and figures that are nothing but
rounding (`ROUNDING`) by a factor of `FACTOR`.
"""

import json
import lzma
import math
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

from verifier import verify
from verifier.exporters.student_view import to_student_view

STORED = Path(__file__).parent / "stored.json.xz"
# how long judging took, and what it was judged with: they differ between two runs of the same code
EXEMPT = ("seconds", "versions")
RELATIVE = 1e-9
ROUNDING = (
    "uncertainty",
    "max_disagreement",
    "max_abs_error",
    "max_rel_error",
    "abs_error",
    "rel_error",
    "difference",
)
ROUNDING += ("relative_norm_error", "residual", "tolerance")
FACTOR = 100.0
SMALL = 1e-11  # figures of rounding up to it are alike


def machine() -> str:
    """Return what decides the last bits: numpy, torch, the processor's features, and BLAS."""
    features = np._core._multiarray_umath.__cpu_features__
    # OpenMP rounds nothing, and whether it is loaded depends on what the process has imported so far
    libraries = [row for row in threadpool_info() if row["user_api"] == "blas"]
    blas = sorted({f"{row['internal_api']} {row.get('architecture', '')}" for row in libraries})
    used = ",".join(name for name, there in features.items() if there)
    return f"numpy {np.__version__}, torch {metadata.version('torch')}, {'; '.join(blas)}, {used}"


def judged(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the report on a submission and the student's view of it, as JSON holds them."""
    with threadpool_limits(1):
        report = verify(document, entries="all")
    views = {"report": report.to_dict(), "student": to_student_view(report).to_dict()}
    return {
        name: {field: value for field, value in json.loads(json.dumps(view)).items() if field not in EXEMPT}
        for name, view in views.items()
    }


def write(submissions: Iterator[tuple[str, dict[str, Any]]], path: Path = STORED) -> int:
    """Store what is said of submissions now. Return how many."""
    rows = [[name, document, judged(document)] for name, document in submissions]
    text = json.dumps({"machine": machine(), "rows": rows}, separators=(",", ":"))
    path.write_bytes(lzma.compress(text.encode(), preset=9))
    return len(rows)


def read(path: Path = STORED) -> tuple[str, list[tuple[str, dict[str, Any], dict[str, Any]]]]:
    """Return the machine that wrote the file, and its rows: name, submission, what was said of it."""
    stored = json.loads(lzma.decompress(path.read_bytes()))
    return stored["machine"], [tuple(row) for row in stored["rows"]]


def differences(path: Path = STORED, *, exact: bool | None = None, most: int | None = None) -> Iterator[str]:
    """Return a line for everything that is said differently now.

    exact: whether to the last bit; None to tell by the machine that wrote the file. most: of how many
    submissions, drawn at random and always the same; None for all.
    """
    wrote, rows = read(path)
    rows = rows if most is None else Random(0).sample(rows, most)
    to_the_bit = wrote == machine() if exact is None else exact
    for name, document, expected in rows:
        for where, one, other in _unequal(expected, judged(document), "", to_the_bit):
            yield f"{name}: {where} was {one!r}, is {other!r}"


def _unequal(one: Any, other: Any, where: str, exact: bool) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in [*one, *(key for key in other if key not in one)]:
            if key in one and key in other:
                yield from _unequal(one[key], other[key], f"{where}/{key}", exact)
            else:
                yield f"{where}/{key}", one.get(key, "absent"), other.get(key, "absent")
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for index, (first, second) in enumerate(zip(one, other, strict=True)):
            yield from _unequal(first, second, f"{where}/{index}", exact)
    elif not _is_same(one, other, where, exact):
        yield where, one, other


def _is_same(one: Any, other: Any, where: str, exact: bool) -> bool:
    if one == other or exact or not (isinstance(one, float) and isinstance(other, float)):
        return bool(one == other or (one != one and other != other))
    if math.isclose(one, other, rel_tol=RELATIVE, abs_tol=1e-15):
        return True
    least, most = sorted((abs(one), abs(other)))
    return any(f"/{name}" in where for name in ROUNDING) and (most <= SMALL or most <= FACTOR * least)
