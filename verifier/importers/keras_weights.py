"""Read weights of Keras 3 from `.weights.h5` and `.keras` files, or from arrays.

Links in the files and pickles are refused.
"""

import io
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.documents.bounds import GENEROUS
from verifier.documents.mistakes import UnreadableSubmission
from verifier.importers.keras_layers import KerasLayer
from verifier.importers.refusal import library, refused

_MEMBERS = ("config.json", "model.weights.h5")


def opened_archive(content: bytes) -> tuple[bytes, bytes]:
    """Return (config.json, model.weights.h5) of a .keras file. Raises: UnreadableSubmission."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [archive.getinfo(name) for name in _MEMBERS]
            if sum(member.file_size for member in members) > GENEROUS.inflated:
                raise UnreadableSubmission(f"at most {GENEROUS.inflated} bytes inflated", "more")
            config, weights = (archive.read(member) for member in members)
            return config, weights
    except KeyError:
        raise UnreadableSubmission(f"a .keras file with {' and '.join(_MEMBERS)}", "one without") from None
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise UnreadableSubmission("a .keras file", f"a damaged one: {error}") from None


class WeightsFile:
    """Weights in a .weights.h5 file. Raises: UnreadableSubmission for any other file."""

    def __init__(self, content: bytes) -> None:
        self._h5py = library("h5py", "gradjury[keras]")
        if not content.startswith(b"\x89HDF\r\n\x1a\n"):
            kind = "a pickle" if content[:1] == b"\x80" else "none"
            raise UnreadableSubmission("a .weights.h5", kind, "save it with model.save_weights")
        try:
            self._file = self._h5py.File(io.BytesIO(content), "r")
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            raise UnreadableSubmission("a .weights.h5", f"a damaged one: {str(error)[:100]}") from None

    def arrays(self, layer: KerasLayer, count: int) -> list[Array]:
        """Return `count` variables of a layer: kernel, bias. Raises: UnreadableSubmission; ImportRefused."""
        try:
            group = self._group(f"{layer.place}/vars")
            saved_name = group.attrs.get("name")  # since Keras 3.9
            layer_name = layer.name.rpartition("/")[2]
            if isinstance(saved_name, str) and saved_name != layer_name:
                raise refused(
                    layer.name, f"the weights of {layer_name!r}", f"those of {saved_name!r} at {layer.place}"
                )
            return [self._numbers(group, str(index)) for index in range(count)]
        except KeyError:
            raise refused(layer.name, f"{count} arrays at {layer.place}/vars", "fewer", "save them") from None
        except (OSError, ValueError, RuntimeError, TypeError) as error:
            if isinstance(error, UnreadableSubmission) or hasattr(error, "mistakes"):
                raise
            raise UnreadableSubmission("a .weights.h5", f"a damaged one: {str(error)[:100]}") from None

    def _group(self, path: str) -> Any:
        member = self._file
        for step in path.split("/"):
            member = self._member(member, step)
        return member

    def _member(self, group: Any, name: str) -> Any:
        """Return a member of the group. Links are refused, as they can lead to other files."""
        if not isinstance(group.get(name, getlink=True), self._h5py.HardLink):
            raise UnreadableSubmission("a .weights.h5 without links", f"a link, {name[:60]!r}")
        return group[name]

    def _numbers(self, group: Any, name: str) -> Array:
        data = self._member(group, name)
        is_plain = isinstance(data, self._h5py.Dataset) and not data.external and not data.is_virtual
        if not is_plain or data.dtype.kind not in "fiu" or data.nbytes > GENEROUS.inflated:
            raise UnreadableSubmission("plain arrays of numbers", f"something else, {data.name[:60]!r}")
        return np.asarray(data)


class GivenWeights:
    """Weights given as arrays: by name (`dense/kernel`, also with a prefix), or as a list in order."""

    def __init__(self, weights: Mapping[str, Any] | list[Any]) -> None:
        self._weights = weights
        self._used_count = 0

    def arrays(self, layer: KerasLayer, count: int) -> list[Any]:
        """Return `count` variables of a layer: kernel, bias. Raises: ImportRefused."""
        names = [f"{layer.name}/{kind}" for kind in ("kernel", "bias")[:count]]
        if isinstance(self._weights, Mapping):
            arrays = [_with_suffix(self._weights, name) for name in names]
        else:
            arrays = list(self._weights[self._used_count : self._used_count + count])
            self._used_count += count
        if len(arrays) < count or any(array is None for array in arrays):
            raise refused(layer.name, f"the arrays {', '.join(names)}", "fewer", "give all weights")
        return arrays


def _with_suffix(arrays: Mapping[str, Any], name: str) -> Any:
    return next((array for key, array in arrays.items() if f"/{key}".endswith(f"/{name}")), None)
