"""Puts together the leaves and nodes of a live graph that an importer meets, and notes what is none."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.documents.arrays import dtype_of
from verifier.documents.mistakes import MOST, Mistake
from verifier.graphs.arithmetic.numbers import FLOATS
from verifier.graphs.problem import INPUT, NODE
from verifier.graphs.reading.submission import read_graph
from verifier.graphs.values import values_of
from verifier.importers.numbers import array_of
from verifier.importers.refusal import ImportRefused

OPERATION = "an operation of graphs (docs/graphs.md lists them)"
_LONGEST = 80  # characters of a name
_SAME = 8.0  # square roots of the roundoff: what a graph of the same mathematics stays within
_ROUNDOFF = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}


class GraphParts:
    """Collects; goes on after a refusal, so that every part in the way is named at once."""

    def __init__(self) -> None:
        self._inputs: dict[str, Array] = {}
        self._parameters: dict[str, Array] = {}
        self._nodes: list[dict[str, Any]] = []
        self._gradients: dict[str, Any] = {}
        self._values: dict[str, Array] = {}
        self._refusals: list[Mistake] = []
        self._taken: set[str] = set()
        self._precisions: set[str | None] = set()

    def refuse(self, where: str, found: str, remedy: str = "", *, expected: str = OPERATION) -> None:
        """Note a part that stands in the way, under its source's name."""
        self._refusals.append(Mistake(where, expected, found, remedy))

    def leaf(self, wanted: str, values: Any, gradient: Any = None, *, parameter: bool) -> str:
        """Add what is given, not computed; give its name, `wanted` or one like it."""
        name = self._name(wanted)
        (self._parameters if parameter else self._inputs)[name] = array_of(values)
        self._submit(name if parameter else INPUT + name, gradient)
        return name

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
        """Add an operation; give its name. value: what the source computed there, to be checked."""
        name = self._name(wanted)
        self._nodes.append({"name": name, "op": op, "args": list(args), **(options or {})})
        self._submit(NODE + name, gradient)
        if value is not None:
            self._values[name] = array_of(value)
        return name

    def finished(self, output: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Give the document, checked as any submission is, and that it computes what its source did.

        Raises: ImportRefused naming every part that stands in the way; MalformedSubmission.
        """
        if self._refusals:
            raise ImportRefused(self._refusals[:MOST])
        document: dict[str, Any] = {
            **fields,
            "network": {"inputs": list(self._inputs), "nodes": self._nodes, "output": output},
            "inputs": self._inputs,
            "parameters": self._parameters,
            "gradients": self._gradients,
        }
        if len(self._precisions) == 1 and (only := next(iter(self._precisions))) is not None:
            document.setdefault("precision", only)
        self._check_values(document)
        return document

    def _submit(self, key: str, gradient: Any) -> None:
        if gradient is not None:
            self._gradients[key] = array_of(gradient)
            self._precisions.add(dtype_of(gradient))

    def _name(self, wanted: str) -> str:
        """Give a name that a graph may have and nothing else has yet."""
        base = re.sub(r"[\s\[\]]", "_", wanted).removeprefix(INPUT).removeprefix(NODE)[:_LONGEST] or "node"
        name, count = base, 1
        while name in self._taken:
            count += 1
            name = f"{base}.{count}"
        self._taken.add(name)
        return name

    def _check_values(self, document: Mapping[str, Any]) -> None:
        problem = read_graph(document).problem
        computed = values_of(problem, FLOATS)
        operations = {node.name: node.operation.name for node in problem.nodes}
        for name, theirs in self._values.items():
            ours = computed[name]
            if theirs.shape != ours.shape or not _alike(ours, theirs):
                found = f"other numbers in {name}"
                remedy = "import it before parameters are changed, and without changes in place"
                rule = f"what {operations[name]} computes of its operands"
                raise ImportRefused([Mistake(name, rule, found, remedy)])


def _alike(ours: Array, theirs: Array) -> bool:
    roundoff = _ROUNDOFF.get(theirs.dtype.name, _ROUNDOFF["float64"])
    size = max(1.0, float(np.nanmax(np.abs(ours), initial=0.0)))
    return np.allclose(ours, theirs, rtol=0.0, atol=_SAME * roundoff**0.5 * size, equal_nan=True)
