"""One assignment, and what students hand in to it: right, wrong, malformed and hostile."""

import io
import json
import os
import pickle
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from safetensors.numpy import save

from verifier.examples.layers import example_document

_SUBMISSION = example_document("sigmoid-mse")
GRADIENTS = _SUBMISSION.pop("gradients")
_SUBMISSION.pop("reported_loss", None)
PROBLEM = _SUBMISSION
ASSIGNMENT = {
    "title": "Gradients {{by}} <hand> & $more",
    "problem": PROBLEM,
    "points": 10,
    "attempts": 3,
    "closes": "2026-12-01T18:00:00+00:00",
}
WRONG = GRADIENTS | {"layers.1.bias": [7.654321 for _ in GRADIENTS["layers.1.bias"]]}
ARRAYS = {name: np.array(value) for name, value in GRADIENTS.items()}

Handing = Callable[[Path], None]


def hidden_digits() -> set[str]:
    """Return five digits of every entry of the right gradient, which no student may read."""
    entries = np.concatenate([array.ravel() for array in ARRAYS.values()])
    digits = {re.sub(r"[.\-]|e.*$", "", f"{entry:.4e}") for entry in entries}
    return {each for each in digits if len(each.rstrip("0")) == 5}


def file(name: str, content: bytes | str) -> Handing:
    def hand_in(folder: Path) -> None:
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)

    return hand_in


def files(*each: Handing) -> Handing:
    def hand_in(folder: Path) -> None:
        for one in each:
            one(folder)

    return hand_in


def npz(**arrays: Any) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def _link(folder: Path) -> None:
    secret = folder.resolve().parent / "secret.json"
    secret.write_text(json.dumps({"gradients": GRADIENTS}))
    (folder / "gradients.json").symlink_to(secret)


def _pipe(folder: Path) -> None:
    os.mkfifo(folder / "gradients.json")


RIGHT: Mapping[str, Handing] = MappingProxyType(
    {
        "JSON": file("gradients.json", json.dumps({"gradients": GRADIENTS})),
        "npz": file("gradients.npz", npz(**ARRAYS)),
        "safetensors": file("gradients.safetensors", save(ARRAYS)),
    }
)
# what is not judged, and words of what its student reads
REFUSED: Mapping[str, tuple[Handing, str]] = MappingProxyType(
    {
        "nothing": (files(), "got none"),
        "two files": (files(RIGHT["JSON"], RIGHT["npz"]), "got several"),
        "broken JSON": (file("gradients.json", '{"gradients": '), "JSON"),
        "another shape": (file("gradients.json", '{"gradients": {"layers.0.bias": [1]}}'), "shape"),
        "a pickle": (file("gradients.npz", pickle.dumps(ARRAYS)), "npz"),
        "a pickle in an npz": (file("gradients.npz", npz(a=np.array([print], dtype=object))), "a pickle"),
        "an npz that inflates": (file("gradients.npz", npz(a=np.zeros(4_000_000))), "inflated"),
        "too much": (file("gradients.json", b" " * 5_000_000), "got more"),
        "a link": (_link, "got none"),
        "a pipe": (_pipe, "got none"),
        "nested lists": (file("gradients.json", "[" * 100_000), "nest"),
    }
)
