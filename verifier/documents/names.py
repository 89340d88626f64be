"""Find out which parameter a submitted name means: `W1`, `db2`, `fc1.weight`, or what the field `names` says.

A common name is taken where its number, or the shapes of the arrays, leave one meaning. Lists are in the
order of the layers: arrays, or pairs of weight and bias.
"""

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from itertools import permutations
from typing import Any, TypeAlias

from verifier.problem.errors import ErrorCollector, describe, suggest_name

Shape: TypeAlias = tuple[int, ...]
Group: TypeAlias = tuple[tuple[str, ...], tuple[int, ...]]  # the words and the numbers of a layer's names
NAMES = "names"
_FIELDS = ("parameters", "gradients")
_TOKEN = re.compile(r"[^\W\d_]+|\d+")
_KINDS = {"w": "weight", "weight": "weight", "weights": "weight", "kernel": "weight"}
_KINDS |= {"b": "bias", "bias": "bias", "biases": "bias"}
_MARKS = ("gradients", "gradient", "grad", "nabla", "dl", "dj", "dr", "dc", "d", "g")  # of a gradient
_MOST_PERMUTED = 6  # layers that are told apart by their shapes alone


def with_known_names(
    document: dict[str, Any], shapes: Mapping[str, Shape], errors: ErrorCollector
) -> tuple[dict[str, Any], dict[str, dict[str, str]]]:
    """Return the document with the known names, and the submitted ones by field and known name.

    shapes: of all parameters by their known names, in order.
    """
    meanings = read_names(document.get(NAMES), shapes, errors)
    renamed, submitted = dict(document), dict[str, dict[str, str]]()
    numbers: dict[tuple[int, ...], int] = {}  # the layer of each number among the parameters' names
    for field in _FIELDS:
        arrays = document.get(field)
        if isinstance(arrays, list | tuple):
            arrays = _by_order(arrays, list(shapes))
        if not isinstance(arrays, Mapping):
            continue
        by_name = {name: str(meanings.get(name, name)) for name in arrays}
        if meanings.keys().isdisjoint(arrays):
            by_name |= _recognise(arrays, shapes, numbers)
        if len(set(by_name.values())) < len(by_name):
            counts = Counter(by_name.values())
            twice = [str(name)[:60] for name, known in by_name.items() if counts[known] > 1]
            errors.add((field,), "one array for each parameter", f"{' and '.join(twice[:4])} for the same")
            continue
        renamed[field] = {by_name[name]: array for name, array in arrays.items()}
        submitted[field] = {known: name for name, known in by_name.items() if known != name}
    return renamed, submitted


def read_names(value: Any, names: Collection[str], errors: ErrorCollector) -> dict[str, str]:
    """Return the known name of each name in the field `names`. names: those that are known."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        rule = 'an object such as {"W1": "layers.0.weight", "dW1": "layers.0.weight"}'
        errors.add((NAMES,), rule, describe(value))
        return {}
    valid = {name: known for name, known in value.items() if isinstance(known, str) and known in names}
    for name, known in value.items():
        if name not in valid:
            rule = "the name of a parameter of this network"
            errors.add((NAMES, name), rule, describe(known), suggest_name(str(known), names))
    return {str(name): known for name, known in valid.items()}


def _by_order(arrays: Sequence[Any], names: list[str]) -> Mapping[str, Any] | Sequence[Any]:
    """Return arrays, or pairs of weight and bias, by name; the list itself if its length fits neither."""
    if len(arrays) != len(names):
        pairs = [each for each in arrays if isinstance(each, list | tuple) and len(each) == 2]
        if len(pairs) < len(arrays) or 2 * len(arrays) != len(names):
            return arrays
        arrays = [array for pair in pairs for array in pair]
    return dict(zip(names, arrays, strict=True))


def _recognise(
    arrays: Mapping[str, Any], shapes: Mapping[str, Shape], numbers: dict[tuple[int, ...], int]
) -> dict[str, str]:
    """Return the known name of each name; empty if some are known already, or if they are not understood."""
    known = [name for name in arrays if name in shapes]
    counted_from_1 = all(str(name).startswith("layers.") for name in arrays)
    if not arrays or len(known) == len(arrays) or (known and not counted_from_1):
        return {}
    groups: dict[Group, dict[str, str]] = {}
    for name in arrays:
        parsed = _parse(str(name))
        if parsed is None or parsed[1] in groups.setdefault(parsed[0], {}):
            return {}
        groups[parsed[0]][parsed[1]] = name
    depth = 1 + max(int(name.split(".")[1]) for name in shapes)
    if counted_from_1 and len(groups) < depth:
        return {}
    meanings = [
        {
            name: f"layers.{index}.{kind}"
            for group, index in order.items()
            for kind, name in groups[group].items()
        }
        for order in _orders(list(groups), depth, numbers)
    ]
    fitting = [
        meaning
        for meaning in meanings
        if all(_fits(_shape_of(arrays[name]), shapes.get(known)) for name, known in meaning.items())
    ]
    chosen = fitting or meanings
    if len(chosen) != 1:
        return {}
    for group, kinds in groups.items():
        numbers[group[1]] = int(chosen[0][next(iter(kinds.values()))].split(".")[1])
    return chosen[0]


def _parse(name: str) -> tuple[Group, str] | None:
    """Return the words and numbers of the layer in a name, and `weight` or `bias`; None if it has no kind."""
    words, numbers, kinds = [], [], set()
    for token in _TOKEN.findall(name):
        word = token.casefold()
        kind = _KINDS.get(_without_marks(word))
        if token.isdigit():
            numbers.append(int(token[:9]))
        elif kind is not None:
            kinds.add(kind)
        elif _without_marks(word):
            words.append(word)
    return ((tuple(words), tuple(numbers)), kinds.pop()) if len(kinds) == 1 else None


def _without_marks(word: str) -> str:
    """Return a word without what says that it names a gradient: `dw` is `w`, and `grad` nothing."""
    for mark in _MARKS:
        if word == mark:
            return ""
        if word.startswith(mark) and _without_marks(word[len(mark) :]) in _KINDS:
            return _without_marks(word[len(mark) :])
        if len(mark) > 2 and word.endswith(mark) and word[: -len(mark)] in _KINDS:
            return word[: -len(mark)]
    return word


def _orders(
    groups: list[Group], depth: int, numbers: Mapping[tuple[int, ...], int]
) -> list[dict[Group, int]]:
    """Return every layer that the groups of names may stand for."""
    if all(group[1] in numbers for group in groups):
        return [{group: numbers[group[1]] for group in groups}]
    one_series = len({group[0] for group in groups}) == 1 and all(group[1] for group in groups)
    if one_series and len(groups) == depth:
        return [{group: index for index, group in enumerate(sorted(groups))}]
    if one_series:
        values = [group[1][-1] for group in groups]
        starts = [start for start in (0, 1) if start <= min(values) and max(values) < depth + start]
        return [
            {group: value - start for group, value in zip(groups, values, strict=True)} for start in starts
        ]
    if len(groups) != depth or depth > _MOST_PERMUTED:
        return []
    return [dict(zip(groups, order, strict=True)) for order in permutations(range(depth))]


def _shape_of(array: Any) -> Shape | None:
    """Return the shape of an array, or of lists by their first rows; None for anything else."""
    if hasattr(array, "shape"):
        return tuple(array.shape)
    if not isinstance(array, list | tuple):
        return None
    first = array[0] if array else None
    return (len(array), len(first)) if isinstance(first, list | tuple) else (len(array),)


def _fits(shape: Shape | None, expected: Shape | None) -> bool:
    """True if an array has the shape of a parameter; a bias may be a row or a column."""
    if expected is None or shape is None:
        return False
    return shape == expected or (len(expected) == 1 and shape in ((1, *expected), (*expected, 1)))
