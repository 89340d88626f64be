"""Measure the cost of documents that lie about their size, or that are small and expensive to judge.

    python -m benchmarks.attacks.documents

Each row sends some documents in turn, while somebody else submits. Every one must be answered, with no error
of the service, within the time that one may take, and the other must not wait.
"""

import gzip
import io
import json
import pickle
import struct
import sys
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from tempfile import gettempdir
from time import monotonic

import numpy as np

from benchmarks.support.attacking import Table, answer_of, connect, counted, head, memory, submit, watching
from benchmarks.support.service import EXAMPLE, RunningService, resident_memory, running_service

_JSON, _NPZ = "application/json", "application/x-npz"
_SAFETENSORS, _ZIP = "application/x-safetensors", "application/zip"
_SECONDS = 5.0  # that one submission may take here
_MOST = 5.0  # seconds of another's answer
_MEMORY = 600  # MiB that the answering process may grow by
_CANARY = Path(gettempdir()) / "gradjury-a-pickle-ran"
Request = tuple[str, Mapping[str, str], bytes]  # path, headers, body


def main() -> int:
    table = Table(f"documents: {_SECONDS:g} s for each; others are students who submit meanwhile")
    _CANARY.unlink(missing_ok=True)
    with running_service(processes=1, seconds_each=_SECONDS, memory_each=2**30) as service:
        for name, (requests, allowed) in _ATTACKS.items():
            table.row(name, *_send(service, requests(), allowed))
        grown = sum(resident_memory(service.process).values()) / 2**20
        table.row("all processes afterwards", f"{grown:.0f} MiB", grown < 2500)
        table.row("what was pickled has run", str(_CANARY.exists()), not _CANARY.exists())
    return table.end()


def _send(service: RunningService, requests: Iterator[Request], allowed: set[int]) -> tuple[str, bool]:
    statuses, longest, before, bad = Counter[int](), 0.0, memory(service), ""
    with watching(service, submit, pause=0.5) as others:
        for path, headers, body in requests:
            begun = monotonic()
            role = "ci" if path == "/v1/batches" else "none"
            connection = connect(service.port, b"")
            connection.sendall(head("POST", path, {**service.tokens[role], **headers}, len(body)) + body)
            status, answer = answer_of(connection)
            connection.close()
            longest = max(longest, monotonic() - begun)
            statuses[status] += 1
            if fault := _fault(status, allowed, answer):
                bad = bad or fault
    grown = memory(service) - before
    seen = (
        f"{counted(statuses)}, longest {longest:.1f} s, {grown:+.0f} MiB; others {others}{bad and '; ' + bad}"
    )
    # a killed process, and a second document of three
    well = not bad and others.well(_MOST) and longest < 2 * _SECONDS + 2 and grown < _MEMORY
    return seen, well


def _fault(status: int, allowed: set[int], answer: bytes) -> str:
    """Return what is wrong with an answer: its status, no JSON, or a wrong gradient called correct."""
    if status not in allowed:
        return f"{status} {answer[:200]!r}"
    body = answer.partition(b"\r\n\r\n")[2]
    try:
        document = json.loads(body)
    except ValueError:
        return f"no JSON: {body[:100]!r}"
    correct = isinstance(document, dict) and document.get("verdict") == "correct"
    return "a wrong gradient is correct" if correct else ""


def _check(body: bytes, kind: str = _JSON, **headers: str) -> Request:
    return "/v1/checks", {"content-type": kind, **headers}, body


def _texts() -> Iterator[Request]:
    """JSON that is none, or is too much of it."""
    whole = json.dumps(EXAMPLE).encode()
    number = whole.replace(b'"inputs": [[', b'"inputs": [[%s, ', 1)
    for text in (
        b"[" * 3_000_000,
        b'{"a":' * 1_000_000,
        b"[" * 31 + b"{}," * 1_000_000,
        number % b"".join([b"9" * 5_000]),
        number % (b"1" + b"0" * 400_000),
        number % b"1e999999999",
        number % b"-1e400",
        number % b"NaN",
        number % b"Infinity",
        number % b"0x10",
        number % b"1_000",
        whole[:-1] + b', "loss": "mse", "loss": "mse"}',
        whole[:-1] + b', "\\ud800": 1}',
        whole[:-1] + b', "\\u0000": 1}',
        whole.replace(b'"gradients": {', b'"gradients": {"\\udfff\\ud800": [1.0], ', 1),
        whole.replace(b'"gradients": {', b'"gradients": {"__proto__": [1.0], "constructor": [1.0], ', 1),
        b"\xff\xfe" + whole.decode().encode("utf-16-le")[:-2],
        b"\xc0\xaf" + whole,
        whole + b"\x00",
        whole + whole,
        b"",
        b" " * 30_000_000,
        b'"' + b"\\u0041" * 4_000_000,
        b"[" + b"1," * 10_000_000 + b"1]",
        b"[" + b'{"a":1},' * 3_000_000 + b"1]",
        b"{" + b",".join(b'"%d":1' % n for n in range(1_000_000)) + b"}",
    ):
        yield _check(text)


def _names() -> Iterator[Request]:
    """Thousands of long misspelt names: each mistake is compared with all names that there are."""
    for length in (10, 1_000, 20_000):
        wrong = {f"{'W' * length}{number}": [1.0] for number in range(1_900)}
        yield _check(json.dumps({**EXAMPLE, "gradients": wrong}).encode())
    layers = [{"in": 1, "out": 1, "activation": "t" * 1_000}] * 500
    yield _check(json.dumps({**EXAMPLE, "network": {"layers": layers}}).encode())
    nodes = [{"name": f"n{n}", "op": "o" * 5_000, "args": [f"{'x' * 900}{n}"]} for n in range(2_000)]
    yield _check(json.dumps({**EXAMPLE, "network": {"nodes": nodes, "output": "n"}}).encode())


def _npz_of(entries: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return stream.getvalue()


def _npy(header: str, data: bytes = b"", version: int = 1) -> bytes:
    text = header.encode("latin-1") + b"\n"
    size = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + size + text + data


class _Touch:
    """An object that writes a file when it is unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (_CANARY,)


def _arrays() -> Iterator[Request]:
    """npz whose headers lie, and whose contents are no numbers."""
    payload = pickle.dumps(_Touch())
    objects = io.BytesIO()
    np.save(objects, np.array([_Touch()], dtype=object), allow_pickle=True)
    shapes = (
        "(4611686018427387904, 4)", "(-1,)", "(2, -3)", "(1e9,)", "(True,)", "(10**30,)", "(99999999999,)",
        "((2,),)", "(0, 99999999999999)", "(" + "1," * 64 + ")", "(" + "9" * 4_000 + ",)",
    )  # fmt: skip
    headers = [f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}}}" for shape in shapes]
    types = ("|O", "<U1000000000", "|V9999999", "<M8[ns]", "<c16", "[('a', '<f8')]", "<f8' + 'x", "|S0")
    headers += [f"{{'descr': '{kind}', 'fortran_order': True, 'shape': (2, 2)}}" for kind in types]
    headers += ["__import__('os').system('id')", "{" * 50_000, "[" * 200, "", "{'descr': '<f8'}"]
    files = [_npy(header, bytes(64)) for header in headers]
    files += [_npy(headers[0], payload, version=3), objects.getvalue(), payload, b"", b"\x93NUMPY\x09\x09"]
    files += [b"\x93NUMPY\x02\x00\xff\xff\xff\xff", _npy(" " * 60_000 + headers[0])]
    for file in files:
        yield _check(_npz_of({"gradients.layers.0.weight.npy": file}), _NPZ)
    yield _check(_npz_of({"document.json": json.dumps(EXAMPLE).encode(), "../../x.npy": files[0]}), _NPZ)
    yield _check(_npz_of({f"gradients.{n}.npy": files[-1] for n in range(3_000)}), _NPZ)
    yield _check(_npz_of({"inputs.npy": _npy(_plain(2**25), bytes(2**28))}), _NPZ)


def _plain(count: int) -> str:
    return f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({count},)}}"


def _tensors() -> Iterator[Request]:
    """safetensors whose lengths, offsets and shapes lie."""

    def file(header: object, data: bytes = bytes(16), length: int | None = None) -> bytes:
        text = header if isinstance(header, bytes) else json.dumps(header).encode()
        return struct.pack("<Q", len(text) if length is None else length) + text + data

    def tensor(offsets: list[object], shape: list[object], kind: object = "F64") -> dict[str, object]:
        return {"gradients.W": {"dtype": kind, "shape": shape, "data_offsets": offsets}}

    rows = (
        (tensor([0, 16], [2]), 2**63),
        (tensor([0, 16], [2]), 2**64 - 1),
        (tensor([0, 16], [2]), 0),
        (tensor([0, 16], [2]), 10**8),
    )
    files = [file(header, length=length) for header, length in rows]
    files += [
        file(header)
        for header in (
            tensor([0, 2**63], [2]), tensor([16, 0], [2]), tensor([-8, 8], [2]), tensor([8, 24], [2]),
            tensor([0, 16], [2**62, 4]), tensor([0, 16], [-2]), tensor([0, 16], [2, 0]), tensor([0, 0], [0]),
            tensor([0, 16], [2**63, 2**63]), tensor([0, 16], ["2"]), tensor([0, 16], [2.0]),
            tensor([0, 16], [2], "F4096"), tensor([0, 16], [2], None), tensor([0, 16], [1] * 10_000),
            {"a": [], "__metadata__": {"x": 1}}, {"__metadata__": {"document": "{" * 10_000}}, [],
            b"[" * 10**6,
            {f"t{n}": {"dtype": "F64", "shape": [2], "data_offsets": [0, 16]} for n in range(3_000)},
            b'{"a":{"dtype":"F64","shape":[2],"data_offsets":[0,16]},"a":{"dtype":"F64","shape":[2],'
            b'"data_offsets":[0,16]}}', b" " * 1_000_000, b"",
        )
    ]  # fmt: skip
    for content in files:
        yield _check(content, _SAFETENSORS)


def _zips() -> Iterator[Request]:
    """Archives of a batch: bombs, lies about sizes, and thousands of names."""
    batch = {"content-type": _ZIP}
    bomb = _npz_of({f"{n}.json": bytes(60_000_000) for n in range(6)})
    for content in (
        bomb,
        bomb.replace(struct.pack("<I", 60_000_000), struct.pack("<I", 10)),
        _npz_of({"a.json": _npz_of({"b.json": bytes(10_000_000)})}),
        _npz_of({f"{'x' * 180}{n}.json": b"{}" for n in range(12_000)}, zipfile.ZIP_STORED),
        _npz_of({"..": b"{}", "/etc/passwd.json": b"{}", "a\\b.json": b"{}", "C:x.json": b"{}"}),
        _npz_of({"a.npz": _npz_of({"x.npy": _npy(_plain(2**25), bytes(2**28))})}),
        b"PK\x05\x06" + bytes(18),
        b"PK\x05\x06" + b"\xff" * 18,
        b"PK\x03\x04" + bytes(1_000_000),
    ):
        yield "/v1/batches", batch, content


def _compressed() -> Iterator[Request]:
    """Bodies that say that they are compressed, and would be large."""
    plain = bytes(200_000_000)
    squeezed = gzip.compress(plain, 9)
    for coding in ("gzip", "x-gzip", "deflate", "br", "zstd", "gzip, gzip", "identity"):
        body = zlib.compress(plain, 9) if coding == "deflate" else squeezed
        yield _check(body, **{"content-encoding": coding})


def _numbers() -> Iterator[Request]:
    """Wrong gradients of problems whose numbers are at the ends of what there is."""
    for scale in (5e-324, 1e-310, 1e-160, 1e150, 1e308, 1.7976931348623157e308):
        for precision in ("float64", "float32", "float16"):
            document = {
                **EXAMPLE,
                "precision": precision,
                "parameters": {
                    name: (np.sign(np.array(value)) * scale).tolist()
                    for name, value in EXAMPLE["parameters"].items()
                },
            }
            yield _check(json.dumps(document).encode())
    for field, value in (
        ("reported_loss", "NaN"),
        ("tolerance", {"rtol": 1e300}),
        ("tolerance", {"atol": -1}),
    ):
        yield _check(json.dumps({**EXAMPLE, field: value}).encode())


def _graph(nodes: list[dict[str, object]], size: int = 1) -> Request:
    document = {
        "network": {"inputs": [], "nodes": nodes, "output": nodes[-1]["name"]},
        "parameters": {"W": [0.5] * size},
        "gradients": {"W": [2.0] * size},
    }
    return _check(json.dumps(document).encode())


def _chains() -> Iterator[Request]:
    """Graphs of 20,000 nodes: a chain, a ladder whose paths double with each step, and a wide sum."""
    count = 19_998
    for operation in ("tanh", "exp", "sin", "negative", "relu"):
        chain: list[dict[str, object]] = [
            {"name": f"n{n}", "op": operation, "args": [f"n{n - 1}" if n else "W"]} for n in range(count)
        ]
        yield _graph([*chain, {"name": "end", "op": "sum", "args": [f"n{count - 1}"]}])
    ladder: list[dict[str, object]] = [
        {"name": f"n{n}", "op": "add", "args": [f"n{n - 1}" if n else "W"] * 2} for n in range(count)
    ]
    yield _graph([*ladder, {"name": "end", "op": "sum", "args": [f"n{count - 1}"]}])


def _broadcasts() -> Iterator[Request]:
    """Small documents of large arrays: sums of a row and a column, again and again."""
    size = 2_000
    for steps in (2, 3, 1_000):
        nodes: list[dict[str, object]] = [
            {"name": "row", "op": "reshape", "args": ["W"], "shape": [1, size]},
            {"name": "column", "op": "reshape", "args": ["W"], "shape": [size, 1]},
            {"name": "n0", "op": "multiply", "args": ["row", "column"]},
        ]
        nodes += [{"name": f"n{n}", "op": "add", "args": [f"n{n - 1}", "column"]} for n in range(1, steps)]
        yield _graph([*nodes, {"name": "end", "op": "sum", "args": [f"n{steps - 1}"]}], size)


def _options() -> Iterator[Request]:
    """Options of nodes and layers beyond all sense."""
    many = [0] * 100_000
    for options in (
        {"op": "power", "exponent": 1e300}, {"op": "power", "exponent": -1e308},
        {"op": "power", "exponent": "x"}, {"op": "sum", "axis": 10**18}, {"op": "sum", "axis": -(10**30)},
        {"op": "sum", "axis": many}, {"op": "reshape", "shape": [-1, 0]}, {"op": "reshape", "shape": many},
        {"op": "reshape", "shape": [2**62, 4]}, {"op": "reshape", "shape": [-5]},
        {"op": "transpose", "axes": many}, {"op": "elu", "alpha": 1e308}, {"op": "slice", "index": 2**63},
        {"op": "slice", "index": [[0, 10**30, 0]]}, {"op": "leaky_relu", "slope": 1e308},
        {"op": "concatenate", "args": ["W"] * 100_000}, {"op": "max", "axis": 0, "keepdims": "yes"},
        {"op": "eval"},
    ):  # fmt: skip
        node: dict[str, object] = {"name": "n", "args": ["W"], **options}
        yield _graph([node, {"name": "end", "op": "sum", "args": ["n"]}], 2)
    for layer in (
        {"in": 2, "out": 10**9}, {"in": 2**62, "out": 2}, {"in": -1, "out": 2}, {"in": 2, "out": 0},
        {"in": 2, "out": 2, "activation": {"name": "leaky_relu", "slope": "NaN"}},
    ):  # fmt: skip
        yield _check(json.dumps({**EXAMPLE, "network": {"layers": [layer]}}).encode())


def _many_examples() -> Iterator[Request]:
    """Two bytes a number: millions of examples of one number each, and none at all."""
    network = {"layers": [{"in": 1, "out": 1, "activation": "tanh"}]}
    parameters = {"layers.0.weight": [[1.0]], "layers.0.bias": [1.0]}
    document = {
        "network": network,
        "loss": "mse",
        "parameters": parameters,
        "gradients": parameters,
        "inputs": [[0]],
        "targets": [[1]],
    }
    for count in (0, 100_000, 3_000_000):
        text = json.dumps({**document, "inputs": "I", "targets": "T"})
        for letter, row in (("I", "[0]"), ("T", "[1]")):
            text = text.replace(f'"{letter}"', f"[{','.join([row] * count)}]")
        yield _check(text.encode())


_CLIENT, _ANY = {400, 413, 415, 422}, {200, 400, 413, 422}
_ATTACKS: Mapping[str, tuple[Callable[[], Iterator[Request]], set[int]]] = {
    "26 texts: depth, digits, NaN, repeated keys, surrogates": (_texts, _ANY),
    "thousands of long misspelt names": (_names, _CLIENT),
    "npz: lying headers, pickled objects, 3,000 arrays": (_arrays, _CLIENT),
    "safetensors: lengths, offsets and shapes that lie": (_tensors, _CLIENT),
    "batches: bombs, lying sizes, 12,000 names, odd paths": (_zips, _ANY | {202}),
    "Content-Encoding: 200 MB of zeros, seven codings": (_compressed, _CLIENT),
    "wrong gradients at 5e-324 to 1.8e308": (_numbers, _ANY),
    "graphs of 20,000 nodes: chains, and paths that double": (_chains, _ANY),
    "2,000 × 2,000 from 2,000 numbers, 2 to 1,000 times": (_broadcasts, _ANY),
    "options and widths beyond all sense": (_options, _ANY),
    "0, 100,000 and 3,000,000 examples of one number": (_many_examples, _ANY),
}


if __name__ == "__main__":
    sys.exit(main())
