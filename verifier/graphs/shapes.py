"""Shapes: how they combine, and what does not fit."""

from collections.abc import Sequence

from verifier.documents.mistakes import shown

Shape = tuple[int, ...]


class MisfitError(ValueError):
    """Operands or options that an operation cannot take. field: the option that is wrong, if any."""

    def __init__(self, expected: str, found: str, remedy: str = "", field: str | None = None) -> None:
        self.expected, self.found, self.remedy, self.field = expected, found, remedy, field
        super().__init__(f"expected {expected}, got {found}")


def broadcast(shapes: Sequence[Shape]) -> Shape:
    """Give the shape that numpy's broadcasting gives. Raises: MisfitError."""
    rank = max(map(len, shapes))
    found: list[int] = []
    for axis in range(-rank, 0):
        sizes = {shape[axis] for shape in shapes if len(shape) >= -axis} - {1}
        if len(sizes) > 1:
            raise MisfitError(
                "shapes that broadcast together",
                " and ".join(map(str, shapes)),
                "from the last axis on, sizes are equal or 1",
            )
        found.append(sizes.pop() if sizes else 1)
    return tuple(found)


def negative_axes(axis: object, rank: int) -> tuple[int, ...]:
    """Give axes counted from the end, sorted; None means all. Raises: MisfitError for what is no axis."""
    given = range(rank) if axis is None else axis if isinstance(axis, list | tuple) else [axis]
    axes = [negative_axis(each, rank) for each in given]
    if len(set(axes)) < len(axes):
        raise MisfitError("every axis once", str(list(given)), field="axis")
    return tuple(sorted(axes))


def negative_axis(axis: object, rank: int) -> int:
    """Give one axis counted from the end. Raises: MisfitError."""
    if isinstance(axis, bool) or not isinstance(axis, int):
        raise MisfitError("an axis, a whole number", shown(axis), field="axis")
    if not -rank <= axis < rank:
        span = f"an axis from {-rank} to {rank - 1}" if rank else "no axis: the operand is one number"
        raise MisfitError(span, str(axis), field="axis")
    return axis - rank if axis >= 0 else axis
