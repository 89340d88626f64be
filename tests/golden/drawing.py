"""The submissions of the golden reports; they are stored with the reports and drawn only once."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from reference_impl import LOSSES, Penalty, Problem, backpropagate, forward, named
from tests.drawing import draw_problem
from verifier.diagnosis.backward_sweep import backward_sweep
from verifier.diagnosis.catalogue import BUGS, LOCAL_RULES
from verifier.diagnosis.mutants import mutants
from verifier.documents.graph import read_graph
from verifier.documents.writing import submission_to_document
from verifier.engine.arithmetic import FLOATS
from verifier.engine.autodiff import values_of
from verifier.examples.named import list_examples, load_example
from verifier.problem.graph import node_name
from verifier.problem.loss import loss_fields
from verifier.problem.precision import PRECISIONS, round_to_precision
from verifier.problem.submission import EXAMPLE_AXES, TOLERANCES, WEIGHT_LAYOUTS, Convention, Submission
from verifier.testing.random_graphs import seeded_graph

NETWORKS = 200
GRAPHS = 200
_ACTIVATIONS = ("tanh", "sigmoid", "relu", "leaky_relu", "elu", "gelu", "silu", "softplus", "identity")
_LOSSES = (
    ("mse", "values", "identity"),
    ("cross_entropy", "logits", "identity"),
    ("cross_entropy", "probabilities", "softmax"),
    ("binary_cross_entropy", "logits", "identity"),
    ("binary_cross_entropy", "probabilities", "sigmoid"),
)


def drawn_submissions() -> Iterator[tuple[str, dict[str, Any]]]:
    """Return every submission by name: shipped examples, the gallery, random networks and random graphs."""
    for name in list_examples():
        yield f"example {name}", load_example(name)
    for seed in range(NETWORKS):
        yield _network(seed)
    for seed in range(GRAPHS):
        yield _graph(seed)


def _problem(seed: int, rng: np.random.Generator) -> Problem:
    loss, on, output = _LOSSES[seed % len(_LOSSES)]
    penalties = (Penalty("l2", 0.1, 0.5), Penalty("l1", 0.05, 1.0, batch="mean", biases=True))
    return draw_problem(
        rng,
        activation_name=_ACTIVATIONS[seed % len(_ACTIVATIONS)],
        output=output,
        loss=loss,
        on=on,
        batch=str(rng.choice(["mean", "sum"])),
        outputs=str(rng.choice(["mean", "sum"])) if LOSSES[loss].reduces_outputs else "sum",
        depth=int(rng.integers(1, 4)),
        penalties=penalties[: int(rng.integers(3))] if seed % 4 == 0 else (),
        bias=seed % 7 != 0,
        masked=seed % 11 == 0,
    )


def _network(seed: int) -> tuple[str, dict[str, Any]]:
    """Return a right network for every fourth seed, else one with a catalogued bug, each bug in its turn."""
    rng = np.random.default_rng([seed, 17])
    problem, kind = _problem(seed, rng), "right"
    gradients = dict(named(backpropagate(problem)))
    if seed % 4:
        bug = list(BUGS)[(seed - seed // 4 - 1) % len(BUGS)]
        trace = forward(problem.network, problem.parameters, problem.batch)
        made = [mutant for mutant in mutants(problem, trace) if mutant.bug.id == bug]
        if made:
            kind = bug
            gradients = dict(named(made[int(rng.integers(len(made)))].gradients))
    precision = PRECISIONS["float32" if seed % 5 == 0 else "float64"]
    gradients = {
        name: round_to_precision(np.asarray(gradient), precision) for name, gradient in gradients.items()
    }
    if seed % 13 == 0:
        gradients.pop(list(gradients)[-1])
        kind += ", one missing"
    convention = Convention(str(rng.choice(WEIGHT_LAYOUTS)), str(rng.choice(EXAMPLE_AXES)))
    submission = Submission(
        None,
        problem,
        gradients,
        precision,
        None,
        TOLERANCES[("standard", "strict", "lenient")[seed % 3]],
        convention,
        loss_fields(problem.risk),
    )
    return f"network {seed}: {kind}", _plain(submission_to_document(submission))


def _graph(seed: int) -> tuple[str, dict[str, Any]]:
    """Return a right graph for every third seed, else one with a local rule broken at a node."""
    rng = np.random.default_rng([seed, 18])
    document = seeded_graph(seed, most=3 + seed % 10)
    problem = read_graph({**document, "gradients": {}}).problem
    values = values_of(problem, FLOATS)
    places: list[tuple[str, str]] = []
    bug, rule = list(LOCAL_RULES.items())[seed % len(LOCAL_RULES)]

    def record_places(name: str, arcs: Any) -> None:
        places.extend((name, use) for use, _ in rule.candidates(arcs))

    gradients_by_name = {
        name: gradient for name, _, gradient in backward_sweep(problem, values, record_places)
    }
    kind = "right"
    if seed % 3 and places:
        place, use = places[int(rng.integers(len(places)))]
        kind = f"{bug} at {place}"

        def wrong_gradient(name: str, arcs: Any) -> Any:
            return (
                next(candidate for each, candidate in rule.candidates(arcs) if each == use)
                if name == place
                else None
            )

        gradients_by_name = {
            name: gradient for name, _, gradient in backward_sweep(problem, values, wrong_gradient)
        }
    parameters = [key for key in problem.requested if key in document["parameters"]]
    requested = problem.requested if seed % 2 else parameters
    gradients = {
        key: gradients_by_name[node_name(key)] for key in requested if node_name(key) in gradients_by_name
    }
    precision = "float32" if seed % 5 == 0 else "float64"
    gradients = {
        key: round_to_precision(np.asarray(gradient), PRECISIONS[precision])
        for key, gradient in gradients.items()
    }
    return f"graph {seed}: {kind}", _plain({**document, "gradients": gradients, "precision": precision})


def _plain(value: Any) -> Any:
    """Return lists and numbers of Python for arrays and numbers of numpy, all the way down."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    return [_plain(entry) for entry in value] if isinstance(value, list | tuple) else value
