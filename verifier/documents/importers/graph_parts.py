"""Collect the leaves and nodes of a live graph, and the parts that cannot be imported."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.documents.arrays import dtype_of, format_of
from verifier.documents.graph import read_graph
from verifier.documents.importers.common import ImportRefused, array_of
from verifier.documents.importers.constants import MASKED, KnownValue, solved_constants
from verifier.engine.arithmetic import FLOATS
from verifier.engine.autodiff import values_of
from verifier.problem.errors import MOST, DocumentError
from verifier.problem.graph import INPUT, NODE
from verifier.problem.precision import PRECISIONS

OPERATION = "an operation of graphs (docs/graphs.md lists them)"
_LONGEST = 80  # characters of a name
_TOLERANCE_FACTOR = 8.0  # times the square root of the unit roundoff: tolerance of equal values
_ROUNDOFF = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}


class GraphParts:
    """A collector of leaves and nodes. It continues after a refusal, so that one error names all of them."""

    def __init__(self) -> None:
        self._inputs: dict[str, Array] = {}
        self._parameters: dict[str, Array] = {}
        self._nodes: list[dict[str, Any]] = []
        self._gradients: dict[str, Any] = {}
        self._values: dict[str, Array] = {}
        self._refusals: list[DocumentError] = []
        self._unknown: list[str] = []
        self._used_names: set[str] = set()
        self._precisions: set[str | None] = set()

    def refuse(self, where: str, actual: str, remedy: str = "", *, expected: str = OPERATION) -> None:
        """Add the refusal of a part, with the part's name in the source."""
        self._refusals.append(DocumentError(where, expected, actual, remedy))

    def leaf(self, wanted: str, values: Any, gradient: Any = None, *, parameter: bool) -> str:
        """Add an input or a parameter, and return its name: `wanted`, made valid and unique."""
        name = self._name(wanted)
        (self._parameters if parameter else self._inputs)[name] = array_of(values)
        self._add_gradient(name if parameter else INPUT + name, gradient)
        return name

    def unknown(self, wanted: str, shape: tuple[int, ...]) -> str:
        """Add an input whose numbers the source does not keep, and return its name; see `solve`."""
        name = self._name(wanted)
        self._inputs[name] = np.zeros(shape)
        self._unknown.append(name)
        return name

    def solve(self, output: str, known: Mapping[str, KnownValue], candidates: Mapping[str, Array]) -> None:
        """Compute unknown inputs from known values of nodes; one that equals a candidate takes its numbers.

        Raises: ValueError naming an input that no numbers fit.
        """
        if self._unknown and not self._refusals:
            problem = read_graph({**self._document(output, {}), "gradients": {}}).problem
            for name, values in solved_constants(problem, self._unknown, known).items():
                self._inputs[name] = _named(values, candidates)
                self._mask(name)

    def _mask(self, name: str) -> None:
        """Write a sum with a constant that holds −infinity as a choice: a huge summand would cost digits."""
        values = self._inputs[name]
        masked = values <= MASKED
        place = next(index for index, node in enumerate(self._nodes) if name in node["args"])
        node = self._nodes[place]
        if not masked.any() or node["op"] != "add":
            return
        self._inputs[name] = np.where(masked, 0.0, values)
        condition = self.leaf(f"{node['name']}.masked", masked.astype(np.float64), parameter=False)
        total = self._name(f"{node['name']}.add")
        self._nodes.insert(place, {**node, "name": total})
        self._nodes[place + 1] = {"name": node["name"], "op": "where", "args": [condition, MASKED, total]}

    def node(
        self,
        wanted: str,
        op: str,
        args: Sequence[str | float],
        options: Mapping[str, Any] | None = None,
        *,
        gradient: Any = None,
        value: Any = None,
    ) -> str:
        """Add an operation, and return its name.

        value: the source's value of the node, which `finished` compares with the computed one.
        """
        name = self._name(wanted)
        self._nodes.append({"name": name, "op": op, "args": list(args), **(options or {})})
        self._add_gradient(NODE + name, gradient)
        if value is not None:
            self._values[name] = array_of(value)
        return name

    def finished(self, output: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Return the document, after checking that it is valid and computes the values of the source.

        Raises: ImportRefused with all refused parts, or for other values; MalformedSubmission.
        """
        if self._refusals:
            raise ImportRefused(self._refusals[:MOST])
        document = self._document(output, fields)
        narrowest = self._narrowest()
        if narrowest is not None:
            document.setdefault("precision", narrowest)
        self._check_values(document)
        return document

    def computed_in(self, dtype: Any) -> None:
        """Take note of the format in which a value was computed."""
        self._precisions.add(format_of(dtype))

    def _narrowest(self) -> str | None:
        """Return the format with the fewest digits that the source computes in; None if it tells none."""
        known = [PRECISIONS[name] for name in self._precisions if name is not None]
        return max(known, key=lambda row: row.unit_roundoff).name if known else None

    def _document(self, output: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        return {
            **fields,
            "network": {"inputs": list(self._inputs), "nodes": self._nodes, "output": output},
            "inputs": self._inputs,
            "parameters": self._parameters,
            "gradients": self._gradients,
        }

    def _add_gradient(self, key: str, gradient: Any) -> None:
        if gradient is not None:
            self._gradients[key] = array_of(gradient)
            self._precisions.add(dtype_of(gradient))

    def _name(self, wanted: str) -> str:
        """Return a valid name that is not in use yet."""
        base = re.sub(r"[\s\[\]]", "_", wanted).removeprefix(INPUT).removeprefix(NODE)[:_LONGEST] or "node"
        name, count = base, 1
        while name in self._used_names:
            count += 1
            name = f"{base}.{count}"
        self._used_names.add(name)
        return name

    def _check_values(self, document: Mapping[str, Any]) -> None:
        problem = read_graph(document).problem
        computed = values_of(problem, FLOATS)
        operations = {node.name: node.operation.name for node in problem.nodes}
        for name, source_value in self._values.items():
            value = computed[name]
            if source_value.shape != value.shape or not _equal_up_to_rounding(
                value, source_value, self._narrowest()
            ):
                actual = f"other numbers in {name}"
                remedy = "import it before parameters are changed, and without changes in place"
                rule = f"what {operations[name]} computes of its operands"
                raise ImportRefused([DocumentError(name, rule, actual, remedy)])


def _named(values: Array, candidates: Mapping[str, Array]) -> Array:
    """Return the candidate that equals the values up to rounding, or the values if none does."""
    for candidate in candidates.values():
        fits = candidate.size > 1 and candidate.ndim <= values.ndim
        fits = fits and all(
            size in (1, whole) for size, whole in zip(candidate.shape[::-1], values.shape[::-1], strict=False)
        )
        if fits and _equal_up_to_rounding(values, np.broadcast_to(candidate, values.shape)):
            return candidate
    return values


def _equal_up_to_rounding(value: Array, source_value: Array, narrowest: str | None = None) -> bool:
    """True if two values are equal up to the rounding of the source, or of its narrowest format."""
    formats = (source_value.dtype.name, narrowest or "")
    roundoff = max(_ROUNDOFF.get(name, _ROUNDOFF["float64"]) for name in formats)
    size = max(1.0, float(np.nanmax(np.abs(value), initial=0.0)))
    return np.allclose(
        value, source_value, rtol=0.0, atol=_TOLERANCE_FACTOR * roundoff**0.5 * size, equal_nan=True
    )
