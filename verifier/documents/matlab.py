"""Read matrices that MATLAB and Octave saved: `.mat` files of version 5 to 7, and Octave's text.

SciPy's reader ends the process on some damaged files, so these lines read what gradients need, matrices of
real numbers, and refuse everything else. Sizes are checked before decompression. Formats: MATLAB, "MAT-File
Format", version 5; Octave's load-save text.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from math import prod

import numpy as np

from reference_impl.array import Array
from verifier.documents.json import DEFAULT_BOUNDS, Bounds, check_arrays, check_numbers
from verifier.problem.errors import OversizedSubmission, UnreadableSubmission

MAT_5, OCTAVE_TEXT = b"MATLAB 5.0 MAT-file", b"# Created by Octave"
OTHER_VERSIONS = (b"MATLAB 7.3 MAT-file", b"\x89HDF", b"Octave-1-")
SAVE_REMEDY = "save it with save('FILE.mat', '-v7', …)"
_HEADER, _TAG = 128, 8  # bytes
_INT32, _UINT32, _MATRIX, _COMPRESSED = 5, 6, 14, 15  # types of elements
_LETTERS = (1, 2, 16)  # bytes, or UTF-8
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
_OTHER_CLASSES = {1: "cell", 2: "struct", 3: "object", 4: "char", 5: "sparse", 16: "function"}
_COMPLEX = 0x0800
_MOST_AXES = 32
_VARIABLE = re.compile(r"# name: (?P<name>\S+)\n# type: (?P<type>[^\n]+)\n")
_SIZES = re.compile(r"# rows: (\d{1,9})\n# columns: (\d{1,9})\n|# ndims: \d{1,2}\n((?: +\d{1,9})+)\n")
_OCTAVE_TYPES = {"matrix": "f8", "scalar": "f8", "float matrix": "f4", "float scalar": "f4"}


def read_matrices(content: bytes, bounds: Bounds = DEFAULT_BOUNDS) -> dict[str, Array]:
    """Return the matrices by name.

    Raises: UnreadableSubmission for damaged files and other kinds of values.
    """
    if content.startswith(OCTAVE_TEXT):
        return _read_octave_text(content, bounds)
    order = {b"IM": "<", b"MI": ">"}.get(content[_HEADER - 2 : _HEADER])
    if not content.startswith(MAT_5) or order is None:
        raise _damaged("its header")
    arrays: dict[str, Array] = {}
    numbers = 0
    for element in _matrices(content, order, bounds):
        name, array = _read_matrix(element, order, bounds, numbers)
        if name in arrays:
            raise _repeated()
        arrays[name] = array
        numbers += array.size
        check_arrays(len(arrays), bounds)
    return arrays


def _damaged(reason: str) -> UnreadableSubmission:
    return UnreadableSubmission("a .mat file", f"a damaged one ({reason})", SAVE_REMEDY)


def _repeated() -> UnreadableSubmission:
    return UnreadableSubmission("every matrix once", "a name more than once", "remove all but one")


def _matrices(content: bytes, order: str, bounds: Bounds) -> Iterator[bytes]:
    """Yield the bytes of each matrix, decompressed, which may not be larger than the bounds together."""
    inflated = 0
    for kind, element in _elements(content[_HEADER:], order):
        if kind == _COMPRESSED:
            try:
                plain = zlib.decompressobj().decompress(element, bounds.inflated - inflated + 1)
            except zlib.error as error:
                raise _damaged(str(error)) from None
            inflated += len(plain)
            if inflated > bounds.inflated:
                raise OversizedSubmission(f"at most {bounds.inflated} bytes inflated", "more")
            kind, element = next(_elements(plain, order), (0, b""))
        if kind != _MATRIX:
            raise _damaged("an element that is no matrix")
        yield element


def _elements(content: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """Yield the type and the data of each element. Data of at most 4 bytes may stand in the tag itself."""
    position = 0
    while position < len(content):
        if position + _TAG > len(content):
            raise _damaged("it breaks off")
        kind, length = struct.unpack_from(f"{order}II", content, position)
        start, room = position + _TAG, len(content) - position - _TAG
        position = start + length + (0 if kind == _COMPRESSED else -length % _TAG)
        if kind >> 16:
            kind, length, start, room, position = kind & 0xFFFF, kind >> 16, start - 4, 4, start
        if length > room:
            raise _damaged("an element beyond its end")
        yield kind, content[start : start + length]


def _read_matrix(element: bytes, order: str, bounds: Bounds, before: int) -> tuple[str, Array]:
    """Return the name and the numbers of a matrix. before: the count of numbers in the matrices before it."""
    parts = _elements(element, order)
    (flags_kind, flags), (shape_kind, sizes), (name_kind, letters) = (next(parts, (0, b"")) for _ in range(3))
    whole = (_INT32, _UINT32)  # other programs than MATLAB mix them up
    if flags_kind not in whole or shape_kind not in whole or name_kind not in _LETTERS or len(flags) != 8:
        raise _damaged("the head of a matrix")
    head, name = struct.unpack(f"{order}II", flags)[0], letters.decode("utf-8", "replace")
    if head & 0xFF not in _CLASSES:
        kind = _OTHER_CLASSES.get(head & 0xFF, "another kind")
        remedy = "save('FILE.mat', '-struct', 'grads') saves the fields of a structure"
        remedy = {"struct": remedy, "sparse": "save full(…) of it"}.get(kind, "save matrices of numbers")
        raise UnreadableSubmission("matrices of numbers", f"{name[:60]!r} of type {kind}", remedy)
    if head & _COMPLEX:
        raise UnreadableSubmission("real numbers", f"complex ones in {name[:60]!r}", "save their real parts")
    shape = np.frombuffer(sizes[: len(sizes) // 4 * 4], f"{order}i4").tolist()
    if not 0 < len(shape) <= _MOST_AXES or min(shape) < 0:
        raise _damaged(f"the shape of {name[:60]!r}")
    check_numbers(before + prod(shape), bounds)
    number_kind, data = next(parts, (0, b""))
    dtype = np.dtype(order + _NUMBERS.get(number_kind, "f8"))
    if number_kind not in _NUMBERS or len(data) != prod(shape) * dtype.itemsize:
        raise _damaged(f"the numbers of {name[:60]!r}")
    # whole numbers are stored in few bytes, whatever the matrix's type is
    return name, np.frombuffer(data, dtype).astype(_CLASSES[head & 0xFF]).reshape(shape, order="F")


def _read_octave_text(content: bytes, bounds: Bounds) -> dict[str, Array]:
    text = content.decode("utf-8", "replace").replace("\r\n", "\n")
    variables = list(_VARIABLE.finditer(text))
    check_arrays(len(variables), bounds)
    arrays: dict[str, Array] = {}
    ends = [variable.start() for variable in variables[1:]] + [len(text)]
    for variable, end in zip(variables, ends, strict=True):
        name, kind = variable["name"], variable["type"]
        if kind not in _OCTAVE_TYPES:
            raise UnreadableSubmission(
                "matrices of numbers", f"{name[:60]!r} of type {kind[:40]}", SAVE_REMEDY
            )
        if name in arrays:
            raise _repeated()
        sizes = _SIZES.match(text, variable.end())
        shape = () if sizes is None else tuple(map(int, (sizes[3] or f"{sizes[1]} {sizes[2]}").split()))
        values = text[variable.end() if sizes is None else sizes.end() : end].split()
        check_numbers(len(values), bounds)
        try:
            flat = np.array([value.replace("NA", "nan") for value in values], dtype=_OCTAVE_TYPES[kind])
            # rows stand line by line; arrays of more axes, as in memory, column by column
            arrays[name] = flat.reshape(shape, order="C" if sizes is not None and sizes[1] else "F")
        except ValueError:
            actual = f"{len(values)} values for {name[:60]!r} of shape {shape}"
            raise UnreadableSubmission("Octave's text of a matrix", actual, SAVE_REMEDY) from None
    return arrays
