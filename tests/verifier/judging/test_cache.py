"""Many answers to one problem cost what is true of it once, and say what each would say alone."""

import copy
from dataclasses import fields, replace

import numpy as np
import pytest

from reference_impl import Batch, Layer, LayerParameters, Network, Penalty, Problem, activation, named
from reference_impl.backpropagation import backpropagate
from tests.drawing import draw_problem
from tests.verifier.builders import document_of_problem
from verifier import verify
from verifier.documents.reading import read_submission
from verifier.judging.cache import ProblemCache, fingerprint
from verifier.report.report import Report


def random_problem(seed: int = 0, **more) -> Problem:
    return draw_problem(np.random.default_rng(seed), **{"widths": [3, 4, 2], "masked": True, **more})


def with_gradients(problem: Problem, change=lambda gradients: None) -> dict:
    gradients = {name: np.array(value) for name, value in named(backpropagate(problem))}
    change(gradients)
    return document_of_problem(problem, gradients=gradients)


def assert_same_results(one: Report, other: Report) -> None:
    for field in fields(Report):
        if field.name not in ("seconds", "parameters"):
            assert getattr(one, field.name) == getattr(other, field.name), field.name
    assert repr(one.parameters) == repr(other.parameters)


ANSWERS = {
    "right": lambda gradients: None,
    "doubled": lambda gradients: gradients["layers.0.weight"].__imul__(2.0),
    "one entry off": lambda gradients: gradients["layers.1.bias"].__setitem__(0, 7.0),
    "missing": lambda gradients: gradients.pop("layers.1.bias"),
    "not finite": lambda gradients: gradients["layers.1.weight"].__setitem__((0, 0), np.nan),
}


@pytest.mark.parametrize("precision", [None, "float32"])
def test_answers_to_a_problem_that_is_known_are_judged_as_if_it_were_not(precision):
    cache = ProblemCache()
    for change in [*ANSWERS.values(), *reversed(ANSWERS.values())]:
        document = with_gradients(random_problem(), change) | (
            {} if precision is None else {"precision": precision}
        )
        assert_same_results(verify(document, cache=cache), verify(document))
    assert cache.of(random_problem()) is cache.of(read_submission(with_gradients(random_problem())).problem)


def test_other_oracles_are_another_question():
    cache = ProblemCache()
    alone = verify(with_gradients(random_problem()), oracles=["backpropagation"], cache=cache)
    assert [item.oracle for item in alone.evidence] == ["backpropagation"]
    assert len(verify(with_gradients(random_problem()), cache=cache).evidence) > 1


def test_an_oracle_that_is_none_is_refused_each_time():
    cache = ProblemCache()
    for _ in range(2):
        with pytest.raises(ValueError, match="'guess'"):
            verify(with_gradients(random_problem()), oracles=["guess"], cache=cache)


def test_arrays_changed_after_they_were_asked_change_nothing_kept():
    """As where one trains on, in place, and asks again about where one was."""
    cache = ProblemCache()
    document = with_gradients(random_problem(penalties=(Penalty("l2", 0.1, 0.5),)))
    for field in ("parameters", "masks"):
        document[field] = {name: np.array(array) for name, array in document[field].items()}
    document |= {field: np.array(document[field]) for field in ("inputs", "targets")}
    before = copy.deepcopy(document)
    verify(document, cache=cache)
    for array in (*document["parameters"].values(), *document["masks"].values()):
        array *= 1.5
    document["inputs"] *= 3.0
    document["targets"] += 1.0
    for precision in ("float64", "float32"):
        with_precision = before | {"precision": precision}
        assert_same_results(verify(with_precision, cache=cache), verify(with_precision))


def with_weight(problem: Problem, change) -> Problem:
    weight = np.array(problem.parameters[0].weight)
    change(weight)
    first = LayerParameters(weight, problem.parameters[0].bias)
    return replace(problem, parameters=(first, *problem.parameters[1:]))


def with_layer(problem: Problem, layer: Layer) -> Problem:
    return replace(problem, network=Network((layer, *problem.network.layers[1:])))


def with_batch(problem: Problem, **more) -> Problem:
    fields = {"inputs": problem.batch.inputs, "targets": problem.batch.targets, "masks": problem.batch.masks}
    return replace(problem, batch=Batch(**fields | more))


OTHERS = {
    "a weight's last bit": lambda p: with_weight(
        p, lambda w: w.__setitem__((0, 0), np.nextafter(w[0, 0], 9))
    ),
    "0 for -0": lambda p: with_weight(p, lambda w: w.__setitem__((1, 1), -0.0)),
    "an activation": lambda p: with_layer(p, Layer(3, 4, activation("sigmoid"))),
    "an option of an activation": lambda p: with_layer(p, Layer(3, 4, activation("leaky_relu", slope=0.02))),
    "another option of it": lambda p: with_layer(p, Layer(3, 4, activation("leaky_relu", slope=0.03))),
    "inputs": lambda p: with_batch(p, inputs=p.batch.inputs[::-1]),
    "targets": lambda p: with_batch(p, targets=p.batch.targets + 1.0),
    "no mask": lambda p: with_batch(p, masks={}),
    "a factor": lambda p: replace(p, risk=replace(p.risk, factor=0.25)),
    "a reduction": lambda p: replace(p, risk=replace(p.risk, batch="sum")),
    "a penalty": lambda p: replace(p, risk=replace(p.risk, penalties=(Penalty("l2", 0.1, 0.5),))),
    "a penalty's strength": lambda p: replace(p, risk=replace(p.risk, penalties=(Penalty("l2", 0.2, 0.5),))),
    "a loss": lambda p: replace(p, risk=random_problem(loss="cross_entropy", on="logits").risk),
}


def test_no_two_problems_have_one_fingerprint():
    problem = with_weight(random_problem(), lambda w: w.__setitem__((1, 1), 0.0))
    fingerprints = {name: fingerprint(change(problem)) for name, change in OTHERS.items()} | {
        "itself": fingerprint(problem)
    }
    assert len(set(fingerprints.values())) == len(OTHERS) + 1, fingerprints


def test_numbers_laid_out_otherwise_are_the_same_problem():
    problem = random_problem()
    other = with_batch(problem, inputs=np.asfortranarray(problem.batch.inputs))
    assert fingerprint(problem) == fingerprint(other)


def test_the_oldest_problem_makes_room_and_one_too_large_is_not_kept():
    size = 3 * 4 + 4 + 4 * 2 + 2 + 4 * (3 + 4 + 2) + 2 * 50
    cache = ProblemCache(numbers=2 * size)
    first, second, third = (random_problem(seed) for seed in range(3))
    kept = cache.of(first), cache.of(second)
    assert cache.of(first) is kept[0]
    cache.of(third)
    assert cache.of(first) is kept[0]
    assert cache.of(second) is not kept[1]
    large = random_problem(widths=[3, 40, 2])
    assert cache.of(large) is not cache.of(large)
    assert ProblemCache(numbers=0).of(first).trace.outputs.shape == (4, 2)


@pytest.mark.parametrize(
    ("widths", "examples"), [([1, 200, 1], 60), ([1] * 50, 1)], ids=["pre-activations", "layers"]
)
def test_what_is_kept_of_a_problem_counts_beside_its_few_weights(widths, examples):
    cache = ProblemCache(numbers=2_000)
    problem = random_problem(widths=widths, examples=examples, masked=False)
    assert cache.of(problem) is not cache.of(problem)


def test_what_is_forgotten_makes_room():
    cache = ProblemCache(numbers=300)
    first = cache.of(random_problem())
    cache.forget()
    assert cache.of(random_problem()) is not first
    assert cache.of(random_problem()) is cache.of(random_problem())
