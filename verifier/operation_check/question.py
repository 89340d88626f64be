"""What is asked of an operation: what it is held against, on which shapes, with which numbers."""

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
    """plain: how many of the shapes come first that every such operation takes."""

    operation: WrittenOperation
    reference: Reference
    shapes: tuple[Shapes, ...]
    domains: Sequence[str]
    plain: int


def question_of(written: WrittenOperation, reference: Reference, shapes: Any, domain: Any) -> Question:
    """Settle what is tried. shapes, domain: None for what is usual. Raises: MalformedSubmission."""
    inputs = reference.inputs(written)
    offered = inputs.shapes(reference.options) if shapes is None else _read_shapes(shapes, written)
    plain = inputs.plain if shapes is None else len(offered)
    domains = inputs.domains(reference.options)
    if domain is not None:
        domains = [domain] if isinstance(domain, str) else list(domain)
        for each in domains:
            if each not in DOMAINS:
                raise malformed(
                    "domain", f"one of {', '.join(DOMAINS)}", repr(each), nearest(str(each), DOMAINS)
                )
    fitting: list[Shapes] = []
    misfit: MisfitError | None = None
    for own in offered:
        if not written.takes(len(own)):
            continue
        try:
            if reference.row is not None:
                reference.fit(own)
            fitting.append(own)
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
    """Read one shape for each argument, for each input; of one argument its shape alone will do."""
    rule = "a list of inputs, each a tuple of one shape for each argument, such as [((2, 3), (3,))]"
    found: list[Shapes] = []
    try:
        for given in shapes:
            own = (
                (given,)
                if all(isinstance(size, int) for size in given) and len(written.arguments) == 1
                else given
            )
            found.append(tuple(tuple(int(size) for size in shape) for shape in own))
    except (TypeError, ValueError):
        raise malformed("shapes", rule, repr(shapes)[:60]) from None
    if not found or any(size < 0 or size > 64 for own in found for shape in own for size in shape):
        raise malformed("shapes", f"{rule}, sizes from 0 to 64", repr(shapes)[:60])
    return found
