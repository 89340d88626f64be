"""Compositions of products: einsum, outer products, and distances between rows."""

from math import prod
from typing import Any

import numpy as np

from verifier.engine.operations.compositions.statistics import norm
from verifier.engine.operations.steps import Step, composed, rearranged, reshape, total, transpose
from verifier.problem.errors import describe
from verifier.problem.graph import GraphOperation, MisfitError


def outer(x: Step, y: Step) -> Step:
    """Return the products of all entries of two vectors."""
    if x.rank != 1 or y.rank != 1:
        raise MisfitError("two vectors", f"shapes {x.shape} and {y.shape}")
    return reshape(x, (x.shape[0], 1)) * reshape(y, (1, y.shape[0]))


def distances(x: Step, y: Step, order: Any = 2.0) -> Step:
    """Return the distances of all rows of x from all rows of y, (…, rows of x, rows of y)."""
    if x.rank < 2 or y.rank < 2 or x.shape[-1] != y.shape[-1]:
        raise MisfitError("rows of one length", f"shapes {x.shape} and {y.shape}")
    left = reshape(x, (*x.shape[:-1], 1, x.shape[-1]))
    right = reshape(y, (*y.shape[:-2], 1, *y.shape[-2:]))
    return norm(left - right, -1, order=order)


def cosine_similarity(x: Step, y: Step, axis: int = 1, epsilon: float = 1e-8) -> Step:
    """Return x·y / (|x| |y|) along an axis. epsilon: the least norm, which counts only near 0."""
    return total(x * y, axis) / (norm(x, axis) * norm(y, axis))


def einsum(*operands: Step, subscripts: Any) -> Step:
    """Return a sum of products of one or two operands, as numpy's einsum does, without dots."""
    inputs, output = _subscripts(subscripts, operands)
    sizes: dict[str, int] = {}
    for letters, operand in zip(inputs, operands, strict=True):
        for letter, size in zip(letters, operand.shape, strict=True):
            if sizes.setdefault(letter, size) != size:
                raise MisfitError(
                    f"one size for {letter!r}", f"{sizes[letter]} and {size}", field="subscripts"
                )
    parts = [_without_repeats(letters, operand) for letters, operand in zip(inputs, operands, strict=True)]
    others = [
        set(output).union(*(other for other, _ in parts[:place] + parts[place + 1 :]))
        for place in range(len(parts))
    ]
    parts = [
        _summed(letters, operand, needed) for (letters, operand), needed in zip(parts, others, strict=True)
    ]
    letters, result = parts[0] if len(parts) == 1 else _product(*parts[0], *parts[1], output, sizes)
    return transpose(result, [letters.index(letter) for letter in output])


def _subscripts(subscripts: Any, operands: tuple[Step, ...]) -> tuple[list[str], str]:
    rule = f"letters of {len(operands)} operand{'s' * (len(operands) > 1)}, such as ij,jk->ik"
    text = subscripts.replace(" ", "") if isinstance(subscripts, str) else ""
    left, arrow, output = text.partition("->")
    inputs = left.split(",")
    if not arrow:
        output = "".join(sorted(letter for letter in set(left) - {","} if left.count(letter) == 1))
    fitting = len(inputs) == len(operands) and all(
        len(letters) == operand.rank for letters, operand in zip(inputs, operands, strict=False)
    )
    known = "".join(inputs)
    if not fitting or not all(letter.isalpha() for letter in known + output) or not set(output) <= set(known):
        raise MisfitError(rule, describe(subscripts), field="subscripts")
    if len(set(output)) < len(output):
        raise MisfitError("every letter of the result once", describe(subscripts), field="subscripts")
    return inputs, output


def _without_repeats(letters: str, x: Step) -> tuple[str, Step]:
    """Return an operand with the diagonal of axes that have one letter."""
    kept = "".join(dict.fromkeys(letters))
    if kept == letters:
        return letters, x
    axes = [kept.index(letter) for letter in letters]
    return kept, rearranged(x, lambda index: np.einsum(index, axes, list(range(len(kept)))))


def _summed(letters: str, x: Step, needed: set[str]) -> tuple[str, Step]:
    """Return an operand summed over axes that nothing else has."""
    axes = [place for place, letter in enumerate(letters) if letter not in needed]
    if not axes:
        return letters, x
    return "".join(letter for letter in letters if letter in needed), total(x, axes)


def _product(
    left_letters: str, x: Step, right_letters: str, y: Step, output: str, sizes: dict[str, int]
) -> tuple[str, Step]:
    """Return the product of two operands as one of stacks of matrices, with its letters."""
    common = [letter for letter in left_letters if letter in right_letters and letter in output]
    summed = [letter for letter in left_letters if letter in right_letters and letter not in output]
    rows = [letter for letter in left_letters if letter not in right_letters]
    columns = [letter for letter in right_letters if letter not in left_letters]

    def size(letters: list[str]) -> int:
        return prod(sizes[letter] for letter in letters)

    left = transpose(x, [left_letters.index(letter) for letter in (*common, *rows, *summed)])
    right = transpose(y, [right_letters.index(letter) for letter in (*common, *summed, *columns)])
    left = reshape(left, (size(common), size(rows), size(summed)))
    right = reshape(right, (size(common), size(summed), size(columns)))
    letters = [*common, *rows, *columns]
    return "".join(letters), reshape(left @ right, [sizes[letter] for letter in letters])


ROWS: tuple[GraphOperation, ...] = (
    composed("outer", "the products of all entries of two vectors", outer, (2, 2)),
    composed(
        "einsum",
        "numpy's einsum of one or two operands, `subscripts` such as ij,jk->ik",
        einsum,
        (1, 2),
        options=("subscripts",),
        needed=("subscripts",),
    ),
    composed(
        "distances",
        "the distances of all rows of two matrices, of `order` 2 unless given",
        distances,
        (2, 2),
        options=("order",),
    ),
    composed(
        "cosine_similarity",
        "x·y / (|x| |y|) along `axis`, 1 unless given",
        cosine_similarity,
        (2, 2),
        options=("axis",),
    ),
)
