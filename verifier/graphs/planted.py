"""Every graph example once more, with a typical mistake of that structure made on purpose; one row each."""

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
    """example: whose graph it is. bug: the local rule. places: at which gradients, and the use concerned.

    What comes before such a place on the way back follows from the wrong gradient, as in code that runs.
    """

    example: str
    description: str
    bug: str
    places: Mapping[str, str]

    @property
    def name(self) -> str:
        return PLANTED + self.example

    def document(self) -> dict[str, Any]:
        """Give the submission's document, ready for JSON."""
        right = GRAPH_EXAMPLES[self.example].document()
        submission = read_graph(right)
        found = self._gone_back(submission.problem)
        gradients = {key: found[plain(key)] for key in right["gradients"]}
        return with_lists({**right, "name": self.name, "gradients": gradients})

    def _gone_back(self, problem: GraphProblem) -> dict[str, Array]:
        def settle(name: str, arcs: Arcs) -> Array | None:
            if name not in self.places:
                return None
            candidates = _RULES[self.bug].candidates(arcs)
            return next(candidate for use, candidate in candidates if use == self.places[name])

        values = values_of(problem, FLOATS)
        return {name: gradient for name, _, gradient in swept(problem, values, settle)}


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
