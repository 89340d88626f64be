"""Read an assignment from a file. Its arrays may be in another file, which the field `arrays` names."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from verifier.documents.assignment import ARRAYS, read_assignment_or_problem
from verifier.documents.files import parse_bytes
from verifier.documents.gradients import parse_gradients
from verifier.documents.names import NAMES
from verifier.documents.safetensors import ARRAYS_ALONE
from verifier.problem.errors import ErrorCollector, MalformedSubmission, describe, malformed
from verifier.report.assignment import Assignment

_FIELDS = ("inputs", "targets")
_BATCH = dict.fromkeys(("input", "x", "x_train", "features"), "inputs")
_BATCH |= dict.fromkeys(("target", "y", "t", "y_train", "y_true", "label", "labels"), "targets")
_PARAMETERS = "parameters."


def read_assignment_file(path: Path, errors: ErrorCollector) -> Assignment | None:
    """Return the assignment in the file of `--assignment`; on errors, note them and return None."""
    try:
        return read_assignment_or_problem(assignment_document(path))
    except OSError as error:
        errors.add(f"--assignment {path}", "a file that can be read", error.strerror or str(error))
    except MalformedSubmission as error:
        errors.records += [replace(each, pointer=_place(path, each.pointer)) for each in error.errors]
    return None


def _place(path: Path, pointer: str) -> str:
    return f"--assignment {path}: {pointer}" if pointer else f"--assignment {path}"


def assignment_document(path: Path) -> Any:
    """Return the document in a file, with the arrays of the file that its field `arrays` names.

    Raises: OSError if the file cannot be read; MalformedSubmission.
    """
    try:
        document = parse_bytes(path.read_bytes())
    except MalformedSubmission as error:
        if error.errors[0].actual != ARRAYS_ALONE:
            raise
        remedy = f'name it in an assignment: {{"problem": {{"arrays": "{path.name}", "network": …}}}}'
        raise malformed("", "an assignment", ARRAYS_ALONE, remedy) from None
    if not isinstance(document, Mapping):
        return document
    names = document.get(NAMES)
    if ARRAYS in document:
        return _with_arrays(document, path.parent, "", names) | _further(names)
    problem = document.get("problem")
    if not isinstance(problem, Mapping) or ARRAYS not in problem:
        return document
    of_problem = problem.get(NAMES)
    read = _with_arrays(problem, path.parent, "/problem", names or of_problem)
    return {**document, "problem": read | _further(of_problem), **_further(names)}


def _further(names: Any) -> dict[str, Any]:
    """Return the field `names` without inputs and targets, which have their names already."""
    if not isinstance(names, Mapping):
        return {} if names is None else {NAMES: names}
    return {NAMES: {name: known for name, known in names.items() if known not in _FIELDS}}


def _with_arrays(problem: Mapping[str, Any], folder: Path, pointer: str, names: Any) -> dict[str, Any]:
    """Return a problem with inputs, targets and parameters from a file of arrays."""
    file, pointer = problem[ARRAYS], f"{pointer}/{ARRAYS}"
    if not isinstance(file, str):
        raise malformed(pointer, "the path of a file of arrays, such as problem.npz", describe(file))
    try:
        content = (folder / file).read_bytes()
    except (OSError, ValueError) as error:
        actual = getattr(error, "strerror", None) or str(error)
        raise malformed(
            pointer, f"a file that can be read, {file!r}", actual, "give its path from this file's folder"
        ) from None
    try:
        uploaded = parse_gradients(content)
    except MalformedSubmission as error:
        errors = ErrorCollector()
        errors.add_all(error.errors, f"{pointer} ({file})")
        raise MalformedSubmission(errors.records) from None
    arrays = uploaded.get("gradients", uploaded) if isinstance(uploaded, Mapping) else uploaded
    if not isinstance(arrays, Mapping):
        raise malformed(pointer, "a file of arrays by name", describe(arrays))
    batch: dict[str, Any] = {}
    parameters: dict[str, Any] = {}
    for name, array in arrays.items():
        field = names.get(name) if isinstance(names, Mapping) else None
        if field not in _FIELDS and name not in _FIELDS:
            field = _BATCH.get(name.casefold())
        elif field not in _FIELDS:
            field = name
        if field is None:
            parameters[name.removeprefix(_PARAMETERS)] = array
        elif field in batch:
            remedy = f'say which one in names: {{"{name}": "{field}"}}'
            raise malformed(pointer, f"one array of {field}", f"several, among them {name!r}", remedy)
        else:
            batch[field] = array
    rest = {field: value for field, value in problem.items() if field != ARRAYS}
    return {"parameters": parameters, **batch, **rest}
