"""Write the parts of a report as lines of text: numbers, counts, entries, diagnoses."""

from collections import Counter
from collections.abc import Iterator, Sequence
from math import isfinite, isnan
from typing import Any

from verifier.report.document import summary_of
from verifier.report.formulas import formulas_of, unicode_formula
from verifier.report.model import (
    Audience,
    Diagnosis,
    Entry,
    LayerOutline,
    NodeOutline,
    ParameterReport,
    ReportData,
)
from verifier.report.numbers import join_with_and, json_number
from verifier.report.verdict import ExitStatus, Verdict

_LONGEST = 200
_FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20")  # fullwidth forms, which East Asian editions of Excel accept


def sanitize_line(text: str) -> str:
    """Return one line: unprintable characters become `?`, and GitHub's command markers get a space."""
    printable = "".join(c if c.isprintable() else "?" for c in text)
    return printable.replace("::", ": :").replace("##[", "## [")


def truncate_line(text: str, longest: int = _LONGEST) -> str:
    """Return one printable line of at most `longest` characters."""
    printable = "".join(c if c.isprintable() else "?" for c in text[: longest + 1])
    return printable if len(printable) <= longest else printable[: longest - 1] + "…"


def truncate_text(text: str, longest: int) -> str:
    """Return printable lines of at most `longest` characters in total."""
    printable = "".join(c if c.isprintable() or c == "\n" else "?" for c in text[: longest + 1])
    return printable if len(printable) <= longest else printable[: longest - 1] + "…"


def spreadsheet_cell(text: str) -> str:
    """Return one line for a spreadsheet's cell; a formula gets an apostrophe in front."""
    line = truncate_line(text)
    return f"'{line}" if line.lstrip()[:1] in _FORMULA else line


def format_number(value: float, digits: str = ".10g") -> str:
    """Return a number as short text: -0 as 0, and the strings of JSON documents for non-finite numbers."""
    return format(value + 0.0, digits) if isfinite(value) else str(json_number(value))


def format_measure(value: float | None, digits: str = ".1e") -> str:
    """Return a measure for a table; empty text for None and NaN."""
    return "" if value is None or isnan(value) else format_number(value, digits)


_STATUSES = {
    ExitStatus.CORRECT: "correct",
    ExitStatus.INCORRECT: "incorrect",
    ExitStatus.UNDECIDED: "undecided",
    ExitStatus.MALFORMED: "malformed",
    ExitStatus.INTERNAL: "not judged",
}
_STATES = {
    Verdict.CORRECT: "correct",
    Verdict.INCORRECT: "incorrect",
    Verdict.UNDECIDED: "undecided",
    Verdict.MISSING: "no gradient was submitted",
}


def totals(statuses: Sequence[ExitStatus]) -> str:
    """Return the number of submissions by status: `3 submissions: 1 correct, 2 incorrect`."""
    by_status = Counter(statuses)
    counts = ", ".join(
        f"{by_status[status]} {word}" for status, word in _STATUSES.items() if by_status[status]
    )
    return f"{len(statuses)} submission{'' if len(statuses) == 1 else 's'}: {counts or 'none'}"


def status(exit_status: ExitStatus) -> str:
    """Return the word for an exit status."""
    return _STATUSES[exit_status]


def row_noun(report: ReportData) -> str:
    """Return the noun for a row: a graph also has rows of inputs and nodes."""
    return "parameter" if report.graph is None else "gradient"


def counts(report: ReportData) -> str:
    """Return the counts of numbers by verdict; for students, the counts of rows."""
    if report.audience is Audience.STUDENT:
        rows = list(report.parameters.values())
        verdicts = Counter(row.verdict for row in rows)
        parts = [f"{verdicts[verdict]} {verdict}" for verdict in Verdict if verdicts[verdict]]
        noun = f"{row_noun(report)}{'' if len(rows) == 1 else 's'}"
        return f"{len(rows)} {noun}: {', '.join(parts)}" if rows else ""
    summary = summary_of(report)
    kinds = ("correct", "incorrect", "undecided", "missing")
    return f"{summary['parameters']} numbers: " + ", ".join(
        f"{summary[kind]} {kind}" for kind in kinds if summary[kind]
    )


def parameter_summary(row: ParameterReport) -> str:
    """Return the verdict of a parameter, with counts and the relative error if the report has them."""
    wrong = row.incorrect or row.undecided
    if not row.counted or not wrong:
        return _STATES[row.verdict]
    sentence = f"{wrong} of {row.counted} numbers {'is' if wrong == 1 else 'are'} {row.verdict}"
    relative = format_measure(row.relative_norm_error)
    return f"{sentence}, relative error {relative}" if relative else sentence


def graded_under(report: ReportData) -> str:
    """Return the loss function and the precision of the check."""
    return f"loss function: {declared_loss(report)}; {report.precision}"


_LOSSES = {
    "mse": "squared error",
    "cross_entropy": "cross entropy",
    "binary_cross_entropy": "binary cross entropy",
}
_OVER = {"batch": "examples", "outputs": "outputs"}


def declared_loss(report: ReportData) -> str:
    """Return the loss in words: `½ squared error, mean over examples, sum over outputs`."""
    fields = dict(report.loss.graded_under)
    name, factor = str(fields.pop("name", "")), fields.pop("factor", 1)
    parts = [f"{_factor(factor)}{_LOSSES.get(name, name)}"] if name else []
    for key, value in fields.items():
        if key in _OVER:
            parts.append(f"{value} over {_OVER[key]}")
        elif isinstance(value, dict):
            parts.append(f"{key} penalty with {_penalty(value)}")
        else:
            parts.append(f"{key} {format_value(value)}")
    return ", ".join(parts)


def _factor(value: Any) -> str:
    return "" if value == 1 else "½ " if value == 0.5 else f"{format_value(value)} × "


def _penalty(fields: dict[str, Any]) -> str:
    return ", ".join(_penalty_field(key, value) for key, value in fields.items())


def _penalty_field(key: str, value: Any) -> str:
    if key == "batch":
        return "divided by N" if value == "mean" else "not divided by N"
    if key == "biases":
        return "on weights and biases" if value else "on weights"
    return f"{key} {format_value(value)}"


def loss_line(report: ReportData) -> str:
    """Return the loss with its function and the precision, and the verdict on the reported one."""
    return f"{loss(report)} ({declared_loss(report)}; {report.precision})"


def loss(report: ReportData) -> str:
    """Return the loss, and the verdict on the reported one."""
    row = report.loss
    if row.verdict is None or row.reported is None:
        return f"loss: {format_number(row.value)}"
    return f"loss: {row.verdict}: reported {format_number(row.reported)}, it is {format_number(row.value)}"


def tolerance(report: ReportData) -> str:
    """Return the tolerance with its preset."""
    fields = report.tolerance or {}
    prefix = f"{fields['preset']}: " if fields.get("preset") else ""
    return (
        f"tolerance: {prefix}rtol {format_value(fields.get('rtol'))}, atol {format_value(fields.get('atol'))}"
    )


def oracle_lines(report: ReportData) -> Iterator[str]:
    """Yield one line about all oracles if they agree, otherwise one for each."""
    if all(item.agrees and not item.reason for item in report.evidence):
        within = max(item.max_disagreement or 0.0 for item in report.evidence)
        names = join_with_and(*(item.oracle for item in report.evidence))
        agree = "agree" if len(report.evidence) > 1 else "agrees"
        yield f"oracles: {names} {agree} within {format_number(within, '.1g')}"
    else:
        yield "oracles:"
        yield from (f"  {line}" for line in oracles(report))


def oracles(report: ReportData) -> Iterator[str]:
    """Yield one sentence per oracle."""
    for item in report.evidence:
        if item.agrees is None:
            yield f"{item.oracle} not used ({item.reason or 'no entry could be computed'})"
        else:
            word = "agrees" if item.agrees else "CONTRADICTS"
            within = format_number(item.max_disagreement or 0.0, ".1g")
            reason = f"; {item.reason}" if item.reason else ""
            yield f"{item.oracle} {word} ({item.entries} entries, within {within}{reason})"


def entry(row: Entry) -> str:
    """Return the submitted and the expected value, and the tolerance, of an entry."""
    sentence = f"submitted {format_number(row.submitted)}, expected {expected(row)}"
    return sentence if isnan(row.submitted) else f"{sentence}, allowed {format_number(row.tolerance, '.1g')}"


def expected(row: Entry) -> str:
    """Return the expected value: a number, an interval of subgradients, or that it is unknown.

    The number is 0 if its uncertainty includes 0.
    """
    if row.slopes is not None:
        low, high = row.slopes
        zero_threshold = 2.0**-40 * (high - low)
        ends = [format_number(0.0 if abs(end) <= zero_threshold else end) for end in (low, high)]
        return f"any slope from {ends[0]} to {ends[1]}"
    if not isfinite(row.uncertainty):
        return "what is not known"
    value = 0.0 if abs(row.expected) <= row.uncertainty else row.expected
    return f"{format_number(value)} (± {format_number(row.uncertainty, '.1g')})"


def format_value(value: object) -> str:
    """Return a value of a document as text."""
    if isinstance(value, dict):
        return "(" + ", ".join(f"{key} {format_value(inner)}" for key, inner in value.items()) + ")"
    return f"{value:g}" if isinstance(value, float) else sanitize_line(str(value))


def heading(row: Diagnosis) -> str:
    """Return the bug and its layer or node: `missing-activation-derivative in layer 0 (hidden_delta)`."""
    if not row.equation:  # students may not see the location
        return row.bug or "a hint"
    if row.node:
        return f"{row.bug or 'first wrong'} in {sanitize_line(row.node)}"
    return f"{row.bug or 'first wrong'} in {_layers(row)} ({row.equation})"


def _layers(row: Diagnosis) -> str:
    if row.layer is None:
        return "the whole network"
    return f"layer{'s' if row.layers else ''} {join_with_and(*map(str, row.all_layers))}"


def failure_lines(row: Diagnosis, network: Sequence[LayerOutline] = ()) -> Iterator[str]:
    """Yield the bug, both formulas and the hint, for the message of a failing test."""
    yield f"bug: {heading(row)}"
    yield f"  {sanitize_line(row.explanation)}"
    yield from (f"  {line}" for line in _formula_lines(row, network))
    yield f"next: {sanitize_line(row.hint)}"


def diagnoses_of(report: ReportData, name: str) -> Iterator[Diagnosis]:
    """Yield the diagnoses of a parameter, by its name, or by its layer if the diagnosis has no names."""
    for row in report.diagnosis:
        in_layer = any(name.startswith(f"layers.{layer}.") for layer in row.all_layers)
        in_same_layer = row.layer is None or in_layer
        if name in row.parameters or (not row.parameters and in_same_layer):
            yield row


def reproduction(residual: float) -> str:
    """Return how closely a mistake gives the submitted numbers."""
    difference = f", up to a relative difference of {residual:.0e}" if residual else ""
    return f"This mistake gives exactly your numbers{difference}."


def example_entry(report: ReportData, row: Diagnosis) -> str:
    """Return the worst number of the first parameter of a diagnosis; empty if the report has none."""
    for name in row.parameters:
        parameter = report.parameters.get(name)
        if parameter is not None and parameter.worst:
            worst = parameter.worst[0]
            return f"example: {_sanitised(name)} {list(worst.index)}: {entry(worst)}"
    return ""


def _formula_lines(row: Diagnosis, network: Sequence[LayerOutline]) -> Iterator[str]:
    if row.right:
        right, used = (sanitize_line(unicode_formula(formula)) for formula in formulas_of(row, network))
        yield f"right: {right}"
        yield f"used:  {used}"


def sentences(row: Diagnosis, network: Sequence[LayerOutline] = (), example: str = "") -> Iterator[str]:
    """Yield the sentences and formulas of a diagnosis, and a number that shows it."""
    if row.explanation:
        yield sanitize_line(row.explanation)
    yield from _formula_lines(row, network)
    if example:
        yield example
    yield from remarks(row)


def remarks(row: Diagnosis) -> Iterator[str]:
    """Yield how well a mistake fits, what it cannot be told apart from, and the hint."""
    if row.bug != "unexplained" and row.residual is not None:
        yield reproduction(row.residual)
    if row.also_consistent:
        yield f"cannot be told apart here from: {', '.join(row.also_consistent)}"
    if row.hint:
        yield f"hint: {sanitize_line(row.hint)}"


_MOST, _USERS = 5, 4
_LONGEST_LABEL = 120


def first_wrong_lines(report: ReportData) -> Iterator[str]:
    """Yield lines such as `first wrong: nodes.h = tanh(nodes.a), used by nodes.f = matmul(nodes.h, W)`."""
    outline = report.graph
    if outline is None:
        return
    nodes = {node.name: node for node in outline.nodes}
    for name in outline.first_wrong[:_MOST]:
        users = [node for node in outline.nodes if name in node.operands]
        used = ""
        if users:
            equations = ", ".join(node_equation(node) for node in users[:_USERS])
            more = f" and {len(users) - _USERS} more" if len(users) > _USERS else ""
            used = f", used by {equations}{more}"
        equation = node_equation(nodes[name]) if name in nodes else sanitize_line(name)
        yield f"first wrong: {equation}{used}"
    if len(outline.first_wrong) > _MOST:
        yield f"and {len(outline.first_wrong) - _MOST} more are first wrong"


def node_equation(node: NodeOutline) -> str:
    """Return a node and its operation as an equation, or a leaf and its kind."""
    if not node.computed:
        return f"{_sanitised(node.name)}, {'an' if node.operation == 'input' else 'a'} {node.operation}"
    return f"{_sanitised(node.name)} = {_sanitised(operation_text(node))}"


def operation_text(node: NodeOutline) -> str:
    """Return the operation with all operands and options."""
    if not node.computed:
        return node.operation
    shown = [operand if isinstance(operand, str) else format_number(operand) for operand in node.operands]
    return f"{node.operation}({', '.join([*shown, node.options] if node.options else shown)})"


def _sanitised(text: str) -> str:
    return sanitize_line(truncate_line(text, _LONGEST_LABEL))
