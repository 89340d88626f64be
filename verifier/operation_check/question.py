"""Choose the reference, the shapes and the domains for checking an operation."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from verifier.documents.mistakes import nearest
from verifier.graphs.shapes import MisfitError
from verifier.operation_check.domains import DOMAINS
from verifier.operation_check.inputs import Shapes
from verifier.operation_check.references import Reference
from verifier.operation_check.written import WrittenOperation, malformed


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """Operation, its reference, and the inputs to try.

    plain: number of inputs, at the start of `shapes`, that every implementation must accept.
    """

    operation: WrittenOperation
    reference: Reference
    shapes: tuple[Shapes, ...]
    domains: Sequence[str]
    plain: int


def question_of(written: WrittenOperation, reference: Reference, shapes: Any, domain: Any) -> Question:
    """Return the question. shapes, domain: None for the default inputs. Raises: MalformedSubmission."""
    inputs = reference.inputs(written)
    candidates = inputs.shapes(reference.options) if shapes is None else _read_shapes(shapes, written)
    plain = inputs.plain if shapes is None else len(candidates)
    domains = inputs.domains(reference.options)
    if domain is not None:
        domains = [domain] if isinstance(domain, str) else list(domain)
        for row in domains:
            if row not in DOMAINS:
                raise malformed(
                    "domain", f"one of {', '.join(DOMAINS)}", repr(row), nearest(str(row), DOMAINS)
                )
    fitting: list[Shapes] = []
    misfit: MisfitError | None = None
    for argument_shapes in candidates:
        if not written.takes(len(argument_shapes)):
            continue
        try:
            if reference.row is not None:
                reference.fit(argument_shapes)
            fitting.append(argument_shapes)
        except MisfitError as error:
            misfit = error
            plain -= len(fitting) < plain and shapes is not None
    if not fitting:
        if misfit is not None:
            raise malformed(misfit.field or "shapes", misfit.expected, misfit.found, misfit.remedy)
        taken = "any number" if written.variadic else str(len(written.arguments))
        rule = f"an operation of as many arguments as {reference.name} takes"
        raise malformed("operation", rule, f"{taken}: {', '.join(written.arguments)}", "give shapes=[…]")
    return Question(written, reference, tuple(fitting), domains, max(1, plain))


def _read_shapes(shapes: Any, written: WrittenOperation) -> list[Shapes]:
    """Return the shapes of the arguments for each input. A single argument may be a shape, not a tuple."""
    rule = "a list of inputs, each a tuple of one shape for each argument, such as [((2, 3), (3,))]"
    inputs: list[Shapes] = []
    try:
        for row in shapes:
            argument_shapes = (
                (row,) if all(isinstance(size, int) for size in row) and len(written.arguments) == 1 else row
            )
            inputs.append(tuple(tuple(int(size) for size in shape) for shape in argument_shapes))
    except (TypeError, ValueError):
        raise malformed("shapes", rule, repr(shapes)[:60]) from None
    if not inputs or any(size < 0 or size > 64 for row in inputs for shape in row for size in shape):
        raise malformed("shapes", f"{rule}, sizes from 0 to 64", repr(shapes)[:60])
    return inputs
