"""Try wrong rules at every step of a function whose numpy operations can be recorded.

The rules are those of graphs, and wrong derivatives of elementwise functions.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from math import comb, log2
from types import MappingProxyType

import numpy as np

from reference_impl.activations import ACTIVATIONS
from reference_impl.array import Array
from reference_impl.elementary_functions import ELEMENTARY_FUNCTIONS
from verifier.diagnosis.backward_sweep import Edge, Edges, backward_sweep
from verifier.diagnosis.catalogue import BUGS, LOCAL_RULES
from verifier.diagnosis.catalogue.bug import LocalRule
from verifier.diagnosis.catalogue.rules.derivatives import CONFUSED_ACTIVATIONS, FORMS_AT_OUTPUT, FORMULAS
from verifier.diagnosis.fitting import is_beyond_chance
from verifier.diagnosis.graph_mutants import GraphMutant, graph_mutants
from verifier.diagnosis.local_search import CLOSE, relative_residual
from verifier.engine.arithmetic import FLOATS
from verifier.engine.autodiff import summed_back, values_of
from verifier.engine.operations import OPERATIONS
from verifier.judging.comparison import Comparison
from verifier.problem.graph import GraphProblem
from verifier.report.formulas import DERIVATIVES

WRONG_DERIVATIVE, AS_INPUT = "wrong-activation-derivative", "preactivation-as-input"
_IDENTITY = OPERATIONS["identity"].fit({}, ((),)).options
_DIGITS = 9  # of numbers that are counted as different
_MOST_DECIMALS = 3  # of numbers that agree by chance more often than others
_EXACT = 2.0**-40  # relative distance of numbers that count as equal
_FUNCTIONS = ("exp", "log", "sqrt", "sin", "cos", "arctan")  # whose derivatives are mistaken for others


@dataclass(frozen=True, slots=True)
class StepMistake:
    """A wrong rule at one step. bug: its id. others: ids of rules that give the same numbers.

    beyond_chance: the numbers tell enough to name it, if it fits other inputs, too.
    """

    bug: str
    explanation: str
    hint: str
    right: str
    wrong: str
    others: tuple[str, ...]
    beyond_chance: bool


@np.errstate(all="ignore")  # a rule that overflows matches nothing
def step_mistakes(
    problem: GraphProblem, comparisons: Mapping[str, Comparison], allowance: Mapping[str, Array]
) -> dict[str, StepMistake]:
    """Return the mistake that explains each wrong gradient; nothing if the graph is not that of the function.

    comparisons: of all gradients, by argument.
    """
    values = values_of(problem, FLOATS)
    sweep = backward_sweep(problem, values, lambda *_: None)
    right = {name: gradient for name, _, gradient in sweep if name in comparisons}
    if set(right) != set(comparisons) or not all(
        _is_gradient(right[name], row) for name, row in comparisons.items()
    ):
        return {}
    rounding = {name: float(np.linalg.norm(np.ravel(allowance[name]))) for name in comparisons}
    wrong = [name for name, row in comparisons.items() if row.incorrect.any()]
    matches: dict[str, dict[str, GraphMutant]] = {name: {} for name in wrong}
    count = 0
    for mutant in chain(graph_mutants(problem, rules=_RULES), _without_step(problem, values)):
        count += 1
        fits = {
            name: relative_residual(row.submitted, mutant.gradients[name], rounding[name]) <= CLOSE
            for name, row in comparisons.items()
        }
        moved = [name for name in comparisons if not np.array_equal(mutant.gradients[name], right[name])]
        if all(fits[name] for name in moved):
            for name in wrong:
                if name in moved:
                    matches[name].setdefault(mutant.bug, mutant)
    results = {}
    for name, by_rule in matches.items():
        submitted = comparisons[name].submitted
        certain = {
            rule: mutant
            for rule, mutant in by_rule.items()
            if is_beyond_chance(_bits(submitted, right[name], mutant.gradients[name]), max(1, count))
        }
        if by_rule:
            results[name] = replace(_mistake(problem, certain or by_rule), beyond_chance=bool(certain))
    return results


def _is_gradient(traced: Array, row: Comparison) -> bool:
    """True if the gradient of the recorded graph is the right one, within its error."""
    known = np.isfinite(row.uncertainty) & ~row.subgradient
    size = float(np.abs(row.expected[known]).max(initial=0.0))
    distance = np.abs(traced - row.expected)[known]
    return bool((distance <= row.uncertainty[known] + row.tolerance[known] + CLOSE * size).all())


def _bits(submitted: Array, right: Array, explained: Array) -> float:
    """Return how much tells that a gradient is the explained one, in bits.

    Equal numbers count once, and those with few digits tell less. The places of the wrong ones tell, too.
    """
    moved = np.abs(submitted - right) > CLOSE * np.abs(right).max(initial=0.0)
    pattern = log2(comb(moved.size, int(moved.sum())))
    numbers = np.unique([float(f"{number:.{_DIGITS}g}") for number in np.abs(submitted[moved])])
    numbers = numbers[numbers > 0]
    for decimals in range(_MOST_DECIMALS + 1):
        scaled = numbers * 10.0**decimals
        if np.allclose(scaled, np.rint(scaled), rtol=0.0, atol=CLOSE):
            return pattern + float(np.log2(1.0 + scaled).sum())
    agreement = relative_residual(submitted[moved], explained[moved], 0.0)
    return pattern - log2(max(agreement, _EXACT)) * numbers.size


def _without_step(problem: GraphProblem, values: Mapping[str, Array]) -> Iterator[GraphMutant]:
    """Yield gradients in which the operand of an elementwise function stands in the place of its value.

    Its derivative is used all the same, or the whole function is left out.
    """
    for index, node in enumerate(problem.nodes):
        if "function" not in node.options or node.shape != node.operand_shapes[0]:
            continue
        left_out = replace(node, operation=OPERATIONS["identity"], options=_IDENTITY)
        nodes = (*problem.nodes[:index], left_out, *problem.nodes[index + 1 :])
        without = replace(problem, nodes=nodes)
        for graph, numbers in (
            (problem, {**values, node.name: values[node.operands[0]]}),
            (without, values_of(without, FLOATS)),
        ):
            sweep = backward_sweep(graph, numbers, lambda *_: None)
            gradients = {name: gradient for name, _, gradient in sweep if name in problem.requested}
            yield GraphMutant(AS_INPUT, node.operands[0], node.name, gradients)


def _mistake(problem: GraphProblem, by_rule: Mapping[str, GraphMutant]) -> StepMistake:
    """Return the texts of the first rule that matches."""
    key = next(rule for rule in _RULES if rule in by_rule)
    bug, *others = dict.fromkeys(_RULE_BUGS.get(rule, rule) for rule in _RULES if rule in by_rule)
    mutant, rule = by_rule[key], _RULES[key]
    words = {"place": mutant.at, "use": mutant.use, "used": key}
    explanation, right, wrong = rule.explanation.format(**words), rule.right, rule.wrong
    if key in _FORMULA_RULES:
        operation = next(node.operation.name for node in problem.nodes if node.name == mutant.use)
        correct = f"{operation}′ = {DERIVATIVES[operation]}" if operation in DERIVATIVES else ""
        explanation += f", but {correct}." if correct else "."
        if "z" in key or "z" in correct:
            explanation += f" Here z is the value of {mutant.use}."
        right = f"v̄ = ū · ({DERIVATIVES[operation]})" if correct else right
        wrong = f"v̄′ = ū · ({key})"
    hint = rule.hint.format(**words)
    return StepMistake(bug, explanation, hint, right, wrong, tuple(others), True)


Formula = Callable[[Edge], Array | None]
"""An edge from the operand of an elementwise function -> a wrong derivative; None where it does not apply."""


def _rule(formula: Formula) -> LocalRule:
    def candidates(edges: Edges) -> Iterator[tuple[str, Array]]:
        for edge in edges:
            slope = formula(edge)
            if slope is not None:
                share = summed_back(FLOATS, np.asarray(edge.upstream * slope), edge.share.shape)
                others = [other.share for other in edges if other is not edge]
                yield edge.node.name, np.asarray(sum(others, share))

    words = BUGS[WRONG_DERIVATIVE].words
    return LocalRule(
        candidates=candidates,
        title=words.title,
        right="v̄ = ū · g′(v)",
        wrong="v̄′ = ū · h(v), with h ≠ g′",
        explanation="The derivative of {use} by {place} is wrong: your numbers fit {used}",
        hint="Write down {use} and differentiate it. Does your code multiply by that?",
    )


def _of_value(formula: Callable[[Array], Array], edge: Edge) -> Array | None:
    return formula(edge.value) if _is_elementwise(edge) else None


def _of_operand(formula: Callable[[Array], Array], edge: Edge) -> Array | None:
    return formula(edge.operands[0]) if _is_elementwise(edge) else None


def _of_slope(formula: Callable[[Array], Array], edge: Edge) -> Array | None:
    return (
        formula(edge.node.options["function"].derivative(edge.operands[0])) if _is_elementwise(edge) else None
    )


def _of_power(formula: Callable[[Array, float], Array], edge: Edge) -> Array | None:
    if not _is_elementwise(edge) or edge.node.operation.name != "power":
        return None
    return formula(edge.operands[0], float(edge.node.options["function"].options["exponent"]))


def _of_quotient(place: int, formula: Callable[[Array, Array], Array], edge: Edge) -> Array | None:
    if edge.node.operation.name != "divide" or edge.place != place:
        return None
    return formula(*edge.operands)


def _is_elementwise(edge: Edge) -> bool:
    function = edge.node.options.get("function")
    return function is not None and function.derivative is not None


def _formulas() -> Iterator[tuple[str, Formula]]:
    for words, formula in FORMULAS.items():
        yield words, partial(_of_value, formula)
    for name, formula in FORMS_AT_OUTPUT.items():
        yield f"the derivative of {name}, written in z", partial(_of_value, formula)
    for name, options in CONFUSED_ACTIVATIONS:
        shown = name + "".join(f" with {key} {value:g}" for key, value in options.items())
        derivative = ACTIVATIONS[name](**options).derivative
        if derivative is not None:
            yield f"the derivative of {shown}", partial(_of_operand, derivative)
    for name in _FUNCTIONS:
        derivative = ELEMENTARY_FUNCTIONS[name]().derivative
        if derivative is not None:
            yield f"the derivative of {name}", partial(_of_operand, derivative)
    yield "x", partial(_of_operand, lambda x: x)
    yield "1 / g′", partial(_of_slope, lambda slope: 1.0 / slope)
    yield "(g′)²", partial(_of_slope, np.square)
    yield "√g′", partial(_of_slope, np.sqrt)
    yield "xⁿ⁻¹, without the factor n", partial(_of_power, lambda x, n: x ** (n - 1.0))
    yield "n xⁿ, with the old exponent", partial(_of_power, lambda x, n: n * x**n)
    yield "y, the divisor", partial(_of_quotient, 0, lambda x, y: y)
    yield "−x / y, where x is divided by y", partial(_of_quotient, 1, lambda x, y: -x / y)
    yield "1 / y², where x is divided by y", partial(_of_quotient, 1, lambda x, y: 1.0 / y**2)
    yield "−1 / y², where x is divided by y", partial(_of_quotient, 1, lambda x, y: -1.0 / y**2)


def _twice_or_half(edges: Edges) -> Iterator[tuple[str, Array]]:
    for edge in edges:
        total = sum((other.share for other in edges if other is not edge), np.zeros(edge.share.shape))
        yield edge.node.name, np.asarray(total + 2.0 * edge.share)
        yield edge.node.name, np.asarray(total + 0.5 * edge.share)


_FORMULA_RULES = {words: _rule(formula) for words, formula in _formulas()}
_AS_INPUT_RULE = LocalRule(
    title=BUGS[AS_INPUT].words.title,
    right="x̄ = z̄ · g′(x), and z in all that follows",
    wrong="x in the place of z = g(x)",
    explanation="The gradient uses {place}, the operand of {use}, where it has to use the value of {use}.",
    hint="Which array did the steps after {use} take in the forward pass?",
)


def _where_divided(rule: LocalRule) -> LocalRule:
    """Return a rule of counts for the nodes that divide by theirs, as a sum and a max do not."""

    def candidates(edges: Edges) -> Iterator[tuple[str, Array]]:
        for use, gradient in rule.candidates(edges):
            if next(edge for edge in edges if edge.node.name == use).node.operation.name not in _NOT_DIVIDED:
                yield use, gradient

    return replace(rule, candidates=candidates)


_NOT_DIVIDED = ("sum", "max")
_FIRST = ("batch-sum-for-mean", "batch-mean-for-sum")  # more precise than other rules with the same numbers
_RULES: Mapping[str, LocalRule] = MappingProxyType(
    {
        **{bug: _where_divided(LOCAL_RULES[bug]) for bug in _FIRST},
        **{bug: rule for bug, rule in LOCAL_RULES.items() if bug not in _FIRST},
        "factor-two": replace(LOCAL_RULES["factor-two"], candidates=_twice_or_half),
        **_FORMULA_RULES,
        AS_INPUT: _AS_INPUT_RULE,
    }
)
_RULE_BUGS: Mapping[str, str] = MappingProxyType(dict.fromkeys(_FORMULA_RULES, WRONG_DERIVATIVE))
