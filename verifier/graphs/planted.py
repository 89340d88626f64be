"""Graph examples with a deliberate typical mistake, one row per example."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from reference_impl.array import Array
from verifier.documents.submission_document import with_lists
from verifier.graphs.arithmetic.numbers import FLOATS
from verifier.graphs.diagnosis.arcs import Arcs, swept
from verifier.graphs.diagnosis.rules import LOCAL_RULES
from verifier.graphs.examples import GRAPH_EXAMPLES
from verifier.graphs.problem import GraphProblem, plain
from verifier.graphs.reading.submission import read_graph
from verifier.graphs.values import values_of

PLANTED = "planted/"
_RULES = MappingProxyType({rule.id: rule for rule in LOCAL_RULES})


@dataclass(frozen=True, slots=True)
class PlantedMistake:
    """Graph example with a wrong local rule.

    The wrong gradients are propagated further back, as in a real program.

    example: name of the graph example.
    bug: id of the local rule.
    places: the wrong gradients; the value is the node whose contribution is wrong.
    """

    example: str
    description: str
    bug: str
    places: Mapping[str, str]

    @property
    def name(self) -> str:
        return PLANTED + self.example

    def document(self) -> dict[str, Any]:
        """Return the submission as a JSON-serialisable document."""
        right = GRAPH_EXAMPLES[self.example].document()
        submission = read_graph(right)
        wrong = self._wrong_gradients(submission.problem)
        gradients = {key: wrong[plain(key)] for key in right["gradients"]}
        return with_lists({**right, "name": self.name, "gradients": gradients})

    def _wrong_gradients(self, problem: GraphProblem) -> dict[str, Array]:
        def wrong_gradient(name: str, arcs: Arcs) -> Array | None:
            if name not in self.places:
                return None
            candidates = _RULES[self.bug].candidates(arcs)
            return next(candidate for use, candidate in candidates if use == self.places[name])

        values = values_of(problem, FLOATS)
        return {name: gradient for name, _, gradient in swept(problem, values, wrong_gradient)}


PLANTED_MISTAKES: Mapping[str, PlantedMistake] = MappingProxyType(
    {
        row.example: row
        for row in (
            PlantedMistake(
                "power-of-four",
                "power-of-four without the inner derivative: ∂z/∂x lacks the 2x of x²",
                "missing-local-derivative",
                {"x": "square"},
            ),
            PlantedMistake(
                "two-path-diamond",
                "two-path-diamond with one path forgotten: what comes back through exp is missing",
                "missing-path",
                {"x": "left"},
            ),
            PlantedMistake(
                "olah",
                "olah with the paths from b to e multiplied where they add: 6 for 5",
                "paths-multiplied",
                {"b": "c"},
            ),
            PlantedMistake(
                "cs231n-circuit",
                "cs231n-circuit with a multiply gate that does not switch: each gets its own value back",
                "multiply-operands-exchanged",
                {"w0": "p0", "x0": "p0", "w1": "p1", "x1": "p1"},
            ),
            PlantedMistake(
                "residual-block",
                "residual-block with the skip connection forgotten on the way back",
                "missing-path",
                {"x": "z"},
            ),
            PlantedMistake(
                "tied-autoencoder",
                "tied-autoencoder whose W hears of coding alone: its use in decoding is missing",
                "missing-path",
                {"W": "turned"},
            ),
            PlantedMistake(
                "elman-5-steps",
                "elman-5-steps with the last step's contribution assigned where all five add up",
                "assigned-for-accumulated",
                {"W": "in5", "U": "kept5", "b": "a5"},
            ),
            PlantedMistake(
                "cbow",
                "cbow with rows of the table assigned: of a word that stands there twice one use is left",
                "repeated-rows-assigned",
                {"E": "vectors"},
            ),
        )
    }
)
