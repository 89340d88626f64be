"""Invalid submission files: mutations of a valid file, one row per kind."""

import io
import json
import pickle
import struct
import warnings
import zipfile
from collections.abc import Callable, Mapping
from random import Random
from types import MappingProxyType
from typing import Any

import numpy as np

from benchmarks.support.service import EXAMPLE
from verifier.documents.files import write_document

Mutation = Callable[[Random], tuple[str, bytes]]

_VALID = {name: write_document(EXAMPLE, name) for name in ("json", "npz", "safetensors")}
_WRONG_VALUES: tuple[Any, ...] = (3, -1.5, "layers", None, True, [1], [[[1]]], ["x"])


def _truncated(name: str) -> Mutation:
    def mutation(random: Random) -> tuple[str, bytes]:
        content = _VALID[name].rstrip()
        return name, content[: random.randrange(len(content))]

    return mutation


def _noise(name: str) -> Mutation:
    return lambda random: (name, random.randbytes(random.randrange(1, 5000)))


def _nested(random: Random) -> tuple[str, bytes]:
    opening = random.choice(("[", '{"a":', '{"inputs":', '[{"x":'))
    return "json", (opening * random.randrange(40, 50_000)).encode()[:290_000]


def _wrong_type(random: Random) -> tuple[str, bytes]:
    field = random.choice(("network", "parameters", "inputs", "gradients"))
    return _json({**EXAMPLE, "problem": 3, field: random.choice(_WRONG_VALUES)})


def _wrong_entry(random: Random) -> tuple[str, bytes]:
    name = random.choice(list(EXAMPLE["gradients"]))
    wrong = random.choice(("0.5", None, {}, [[[[1]]]], "x", True))
    return _json({"gradients": {**EXAMPLE["gradients"], name: wrong}, "network": 3})


def _not_finite(random: Random) -> tuple[str, bytes]:
    word = random.choice(("NaN", "Infinity", "-Infinity", "1e999", "-1e400", "9" * 400))
    text = json.dumps({**EXAMPLE, "problem": {**EXAMPLE, "inputs": [["?"]]}, "inputs": [["?"]]})
    return "json", text.replace('"?"', word).encode()


def _many_digits(random: Random) -> tuple[str, bytes]:
    return "json", b'{"inputs": [' + b"7" * random.randrange(5_000, 200_000) + b"]}"


def _unknown_fields(random: Random) -> tuple[str, bytes]:
    names = {f"field {random.random()}": random.random() for _ in range(random.randrange(1, 2_000))}
    return _json(EXAMPLE | names)


def _duplicate_key(random: Random) -> tuple[str, bytes]:
    field = random.choice(list(EXAMPLE))
    return "json", b'{"%s": 1, ' % field.encode() + _VALID["json"].lstrip()[1:]


def _too_large(random: Random) -> tuple[str, bytes]:
    return "json", b" " * random.randrange(300_001, 400_000)


def _ragged(random: Random) -> tuple[str, bytes]:
    rows = [[0.5] * random.randrange(50) for _ in range(50)] + [[1.0], [1.0, 2.0]]
    return _json({**EXAMPLE, "inputs": rows, "problem": {"inputs": rows}})


def _archive(members: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> tuple[str, bytes]:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return "npz", stream.getvalue()


def _bomb(random: Random) -> tuple[str, bytes]:
    return _archive({"inputs.npy": bytes(random.randrange(10**7, 3 * 10**7))})


def _bomb_with_wrong_directory(random: Random) -> tuple[str, bytes]:
    """Return an archive whose directory understates the inflated size of a member."""
    _, content = _archive({"inputs.npy": bytes(10**6)})
    size, understated = struct.pack("<I", 10**6), struct.pack("<I", random.randrange(200))
    return "npz", content.replace(size, understated)


def _pickle(random: Random) -> tuple[str, bytes]:
    return random.choice(("json", "npz", "safetensors")), pickle.dumps(EXAMPLE, random.randrange(6))


def _pickled_member(random: Random) -> tuple[str, bytes]:
    stream = io.BytesIO()
    np.savez(stream, inputs=np.array([{"a": random.random()}], dtype=object))
    return "npz", stream.getvalue()


def _duplicate_member(random: Random) -> tuple[str, bytes]:
    stream = io.BytesIO(_VALID["npz"])
    with warnings.catch_warnings(), zipfile.ZipFile(stream, "a") as archive:
        warnings.simplefilter("ignore")  # zipfile warns about duplicate names
        name = random.choice(archive.namelist())
        archive.writestr(name, archive.read(name))
    return "npz", stream.getvalue()


def _forged_member(random: Random) -> tuple[str, bytes]:
    shape = tuple(random.choice((-1, 0, 3, 2**31, 2**63, 10**30)) for _ in range(random.randrange(1, 9)))
    kind = random.choice(("<f8", "|O", "<U9999999", "|V0", "<c16", "nonsense", "<f8,<f8"))
    text = repr({"descr": kind, "fortran_order": False, "shape": shape}).encode()
    member = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + bytes(64)
    return _archive({"inputs.npy": member})


def _forged_header(random: Random) -> tuple[str, bytes]:
    sizes = (-1, 0, 2, 2**31, 2**62, 10**30, "x", None)
    entry = {
        "dtype": random.choice(("F64", "F32", "BOOL", "F7", 3)),
        "shape": [random.choice(sizes) for _ in range(random.randrange(6))],
        "data_offsets": [random.choice(sizes), random.choice(sizes)],
    }
    header = json.dumps({"inputs": entry, "__metadata__": {"submission": "{}"}}).encode()
    return "safetensors", struct.pack("<Q", len(header)) + header + bytes(16)


def _forged_length(random: Random) -> tuple[str, bytes]:
    length = random.choice((0, 1, 2**20, 2**40, 2**63, 2**64 - 1))
    return "safetensors", struct.pack("<Q", length) + _VALID["safetensors"][8:]


def _duplicate_tensor(random: Random) -> tuple[str, bytes]:
    content = _VALID["safetensors"]
    length = int.from_bytes(content[:8], "little")
    header = content[8 : 8 + length].rstrip()
    tensors = {name: entry for name, entry in json.loads(header).items() if name != "__metadata__"}
    name = random.choice(list(tensors))
    duplicated = header[:-1] + b"," + json.dumps({name: tensors[name]}).encode()[1:-1] + b"}"
    return "safetensors", struct.pack("<Q", len(duplicated)) + duplicated + content[8 + length :]


def _another_format(random: Random) -> tuple[str, bytes]:
    declared, actual = random.sample(list(_VALID), 2)
    return declared, _VALID[actual]


def _json(document: Any) -> tuple[str, bytes]:
    return "json", json.dumps(document).encode()


HOSTILE_FILES: Mapping[str, Mutation] = MappingProxyType(
    {
        "truncated JSON": _truncated("json"),
        "truncated npz": _truncated("npz"),
        "truncated safetensors": _truncated("safetensors"),
        "noise as JSON": _noise("json"),
        "noise as npz": _noise("npz"),
        "noise as safetensors": _noise("safetensors"),
        "nested JSON": _nested,
        "wrong types in JSON": _wrong_type,
        "wrong entries in JSON": _wrong_entry,
        "no finite numbers in JSON": _not_finite,
        "thousands of digits in JSON": _many_digits,
        "unknown fields in JSON": _unknown_fields,
        "a key twice in JSON": _duplicate_key,
        "ragged rows in JSON": _ragged,
        "huge JSON": _too_large,
        "npz bomb": _bomb,
        "npz bomb with a lying directory": _bomb_with_wrong_directory,
        "pickle": _pickle,
        "pickle within npz": _pickled_member,
        "npz member twice": _duplicate_member,
        "forged npy header": _forged_member,
        "forged safetensors header": _forged_header,
        "forged safetensors length": _forged_length,
        "safetensors tensor twice": _duplicate_tensor,
        "another format than declared": _another_format,
    }
)
