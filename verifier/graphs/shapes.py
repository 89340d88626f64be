"""Shapes: broadcasting, axes, and the error for operands that do not fit."""

from collections.abc import Sequence

from verifier.documents.mistakes import shown

Shape = tuple[int, ...]


class MisfitError(ValueError):
    """Raised for operands or options that an operation cannot take. field: the wrong option, if any."""

    def __init__(self, expected: str, found: str, remedy: str = "", field: str | None = None) -> None:
        self.expected, self.found, self.remedy, self.field = expected, found, remedy, field
        super().__init__(f"expected {expected}, got {found}")


def broadcast(shapes: Sequence[Shape]) -> Shape:
    """Return the shape of numpy's broadcasting. Raises: MisfitError."""
    rank = max(map(len, shapes))
    sizes_by_axis: list[int] = []
    for axis in range(-rank, 0):
        sizes = {shape[axis] for shape in shapes if len(shape) >= -axis} - {1}
        if len(sizes) > 1:
            raise MisfitError(
                "shapes that broadcast together",
                " and ".join(map(str, shapes)),
                "from the last axis on, sizes are equal or 1",
            )
        sizes_by_axis.append(sizes.pop() if sizes else 1)
    return tuple(sizes_by_axis)


def negative_axes(axis: object, rank: int) -> tuple[int, ...]:
    """Return axes counted from the end, sorted; None means all. Raises: MisfitError for invalid axes."""
    entries = range(rank) if axis is None else axis if isinstance(axis, list | tuple) else [axis]
    axes = [negative_axis(entry, rank) for entry in entries]
    if len(set(axes)) < len(axes):
        raise MisfitError("every axis once", str(list(entries)), field="axis")
    return tuple(sorted(axes))


def negative_axis(axis: object, rank: int) -> int:
    """Return one axis counted from the end. Raises: MisfitError."""
    if isinstance(axis, bool) or not isinstance(axis, int):
        raise MisfitError("an axis, a whole number", shown(axis), field="axis")
    if not -rank <= axis < rank:
        span = f"an axis from {-rank} to {rank - 1}" if rank else "no axis: the operand is one number"
        raise MisfitError(span, str(axis), field="axis")
    return axis - rank if axis >= 0 else axis
