"""Recognise how a function and its gradient are written, and bring them into one form.

The names of the forms are in `FORMS`. Forward then takes the arguments' arrays and returns one array, and
backward takes the gradient of that array and returns one gradient for each array.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.problem.errors import describe, malformed, suggest_name
from verifier.testing.operation_check.forward_mode import check_size, product_use, read_product
from verifier.testing.operation_check.frameworks import (
    is_jax,
    is_torch_module,
    jax_use,
    module_function,
    seeded,
    torch_use,
)
from verifier.testing.operation_check.layers import is_layer, layer_arrays, layer_use
from verifier.testing.operation_check.operation import OperationRaised, call_user_code
from verifier.testing.operation_check.result import FORMS
from verifier.testing.operation_check.structures import (
    Arguments,
    Use,
    as_array,
    is_torch_tensor,
    joined,
    leaves_of,
    literal,
    names_of,
    parameters_of,
    parted,
    read_arguments,
    rebuilt,
    required_count,
    tensor_of,
)
from verifier.testing.operation_check.written import UserOperation, read_operation

Code = Callable[[Sequence[Array], Array], Sequence[str]]
"""(arguments, gradient of the output) -> lines of code"""

_MOST_WRITTEN = 64  # numbers of arguments that are written out in code
_CACHES = ("cache", "caches", "ctx", "context", "saved", "res", "residuals", "residual", "state", "memory")


@dataclass(frozen=True, slots=True, eq=False)
class WrittenFunction:
    """A function and its gradient in one form.

    arrays: arrays of the caller's arguments, in the order of the operation's arguments.
    fixed: positions of arrays that are not differentiated.
    """

    operation: UserOperation
    arrays: tuple[Array, ...]
    fixed: tuple[int, ...]


def read_function(
    function: Any, gradient: Any, arguments: Sequence[Any], form: str | None, name: str | None, order: int
) -> WrittenFunction:
    """Return a function and its gradient in one form. Raises: MalformedSubmission."""
    if form is not None and form not in FORMS:
        raise malformed("form", f"one of {', '.join(FORMS)}", repr(form))
    taken = read_arguments(function, arguments)
    form = form or _form_of(function, gradient, arguments, taken)
    code = _code_of(form, function, gradient, taken)
    if order != 1 and form not in ("torch", "jax"):
        raise malformed(
            "order", f"1 for the form {form}", str(order), "order=2 takes functions of PyTorch or JAX"
        )
    if form == "operation":
        operation = read_operation(function, None, {}, name)
        if len(operation.arguments) != len(taken.names):
            operation = replace(operation, arguments=taken.names)
        return WrittenFunction(operation, taken.arrays, _fixed(taken))
    if form == "layer":
        parameters = layer_arrays(function, taken.arrays)
        begin = partial(layer_use, function, tuple(parameters), len(taken.arrays))
        prefixed = tuple(f"params.{row}" for row in parameters)
        arrays = (*taken.arrays, *parameters.values())
        return _written(function, name, form, (*taken.names, *prefixed), arrays, begin, _fixed(taken), code)
    if form == "torch":
        return _of_torch(function, name, taken, order, code)
    if form == "jax":
        arrays = _with_cotangent(taken.arrays, partial(jax_use, function, 1), order)
        names = (*taken.names, "cotangent")[: len(arrays)]
        begin = partial(jax_use, function, order)
        return _written(function, name, form, names, arrays, begin, _fixed(taken), code)
    fixed = _fixed(taken)
    if form == "jvp":
        check_size(taken.arrays, fixed)
        product = read_product(function, gradient, arguments)
        begin = partial(product_use, function, product, taken, fixed)
        return _written(function, name, form, taken.names, taken.arrays, begin, fixed, code)
    if form in ("derivative", "numbers", "value-and-gradient"):
        source = _gradient_source(form, function, gradient)
        fixed = _fixed(taken, _without_gradient(source, taken))
        begin = partial(_derivative_use, function, source, taken, fixed, form)
    else:
        begin = partial(_backward_use, function, gradient, taken, fixed, form)
    return _written(function, name, form, taken.names, taken.arrays, begin, fixed, code)


def _written(
    function: Any,
    name: str | None,
    form: str,
    names: tuple[str, ...],
    arrays: tuple[Array, ...],
    begin: Callable[[], Use],
    fixed: tuple[int, ...],
    code: Code,
) -> WrittenFunction:
    default = getattr(function, "__name__", type(function).__name__)
    operation = UserOperation(
        name=name or ("function" if default == "<lambda>" else default),
        form=form,
        arguments=names,
        variadic=False,
        keywords={},
        begin=begin,
        is_class=True,
        on_tensors=False,
        code=code,
    )
    return WrittenFunction(operation, arrays, fixed)


def _code_of(form: str, function: Any, gradient: Any, taken: Arguments) -> Code:
    """Return a function that writes code of one call: the arguments, the value and the gradient."""
    value, slope = _code_name(function, "function"), _code_name(gradient, "gradient")
    call = ", ".join(taken.top)

    def lines(arrays: Sequence[Array], upstream: Array) -> Sequence[str]:
        if sum(array.size for array in arrays) > _MOST_WRITTEN:
            start = [f"# {call}: the arguments that were checked"]
        else:
            start = ["import numpy as np", "", *taken.code(arrays[: len(taken.arrays)])]
        start += [
            f"# {name}: the lambda that was checked"
            for name, written in ((value, function), (slope, gradient))
            if getattr(written, "__name__", "") == "<lambda>"
        ]
        weights = literal(upstream) if upstream.ndim else repr(float(upstream))
        if form == "cache":
            return [*start, f"value, cache = {value}({call})", f"print({slope}({weights}, cache))"]
        if form == "residuals":
            return [*start, f"value, residuals = {value}({call})", f"print({slope}(residuals, {weights}))"]
        if form == "vjp":
            return [*start, f"print({value}({call}))", f"print({slope}({weights}, {call}))"]
        if form == "layer":
            return [
                *start,
                f"# layer: the {type(function).__name__} that was checked",
                f"print(layer.forward({call}))",
                f"print(layer.backward({weights}))",
            ]
        if form in ("torch", "jax"):
            return [*start, f"# the gradient of the sum of {weights} * {value}({call})"]
        printed = [*start, f"print({value}({call}))"]
        if form == "jvp":
            return [*printed, f"# the jvp with a tangent of 1 at each entry, times {weights}"]
        if form == "value-and-gradient" and (upstream == 1.0).all():
            return printed
        if form == "derivative" and (upstream == 1.0).all():
            try:
                returned = as_array(call_user_code("backward", gradient, *taken.call_with(arrays)))
            except OperationRaised:  # which the finding says
                returned = None
            is_jacobian = returned is not None and returned.ndim > arrays[0].ndim
            axes = "" if not is_jacobian else f".sum(axis={tuple(range(upstream.ndim))})"
            return [*printed, f"print({slope}({call}){axes})"]
        return [*printed, f"# multiplied by {weights}"]

    return lines


def _code_name(function: Any, default: str) -> str:
    """Return how code calls a function: by its name, with np for numpy's, and a lambda by the default."""
    name = str(getattr(function, "__name__", default))
    if getattr(np, name, None) is function:
        return f"np.{name}"
    return default if name == "<lambda>" else name


def _of_torch(function: Any, name: str | None, taken: Arguments, order: int, code: Code) -> WrittenFunction:
    names, arrays = taken.names, taken.arrays
    called = function
    if is_torch_module(function):
        called, parameters = module_function(function, len(arrays))
        names, arrays = (*names, *parameters), (*arrays, *parameters.values())
    elif taken.static or any(isinstance(row, dict | list | tuple) for row in taken.template):
        called = _restructured(function, taken.template)
    called = seeded(called)
    wide = tuple(array.astype(np.float64) if array.dtype.kind == "f" else array for array in arrays)
    whole = _with_cotangent(wide, partial(torch_use, called, 1), order)
    names = (*names, "cotangent")[: len(whole)]
    begin = partial(torch_use, called, order)
    return _written(function, name, "torch", names, whole, begin, _fixed(taken), code)


def _restructured(function: Callable[..., Any], template: tuple[Any, ...]) -> Callable[..., Any]:
    def called(*tensors: Any) -> Any:
        leaves = iter(tensors)
        return function(*(rebuilt(argument, leaves) for argument in template))

    return called


def _with_cotangent(arrays: tuple[Array, ...], begin: Callable[[], Use], order: int) -> tuple[Array, ...]:
    """Return the arguments; for second derivatives also the gradient of the value, which is one more."""
    if order == 1:
        return arrays
    value = np.asarray(call_user_code("forward", begin().forward, *arrays))
    rng = np.random.default_rng(0)
    return (*arrays, np.asarray(rng.uniform(0.5, 1.5, value.shape)))


def _fixed(taken: Arguments, others: Sequence[int] = ()) -> tuple[int, ...]:
    integers = [place for place, array in enumerate(taken.arrays) if array.dtype.kind != "f"]
    return tuple(sorted({*integers, *others}))


def _form_of(function: Any, gradient: Any, arguments: Sequence[Any], taken: Arguments) -> str:
    """Return the form that the function, its gradient and a first call show."""
    if gradient is None:
        if is_torch_module(function) or any(is_torch_tensor(leaf) for _, leaf in leaves_of(list(arguments))):
            return "torch" if not hasattr(function, "backward") else "operation"
        if is_jax(function) or any(is_jax(leaf) for _, leaf in leaves_of(list(arguments))):
            return "jax"
        if callable(getattr(function, "backward", None)) or hasattr(function, "__self__"):
            is_object = not isinstance(function, type) and not inspect.isroutine(function)
            return "layer" if is_object and is_layer(function, taken.arrays) else "operation"
        if isinstance(_first_value(function, taken), tuple):
            return "value-and-gradient"
        raise malformed(
            "gradient",
            "a function, or numbers",
            "nothing",
            "leave it out only for an operation, a layer, a function of PyTorch or JAX, or a function that "
            "returns its value and its gradient",
        )
    if not callable(gradient):
        return "numbers"
    count, taken_by = len(arguments), required_count(gradient)
    parameters = [row.name for row in parameters_of(gradient)]
    if isinstance(first := _first_value(function, taken), tuple) and len(first) == 2 and taken_by == 2:
        if parameters[0] in _CACHES:
            return "residuals"
        if count == 1 and parameters[1] == names_of(function, 1)[0]:
            return "vjp"
        return "cache"
    if taken_by == count + 1:
        return "vjp"
    if taken_by > count or (taken_by < count and not _is_variadic(gradient)):
        raise malformed(
            "gradient",
            f"a function of the {count} arguments, or of the output's gradient and a cache",
            f"a function of {taken_by}: {', '.join(parameters)}",
            f"form= takes one of {', '.join(FORMS)}",
        )
    return "derivative"


def _is_variadic(function: Any) -> bool:
    return any(row.kind is inspect.Parameter.VAR_POSITIONAL for row in parameters_of(function))


def _first_value(function: Any, taken: Arguments) -> Any:
    try:
        return call_user_code("forward", function, *taken.call_with(taken.arrays))
    except OperationRaised as raised:
        raise malformed(
            "function", "a function that takes these arguments", f"{raised.error}{raised.line}"
        ) from None


def _gradient_source(form: str, function: Any, gradient: Any) -> Callable[..., Any]:
    """Return a function of the arguments that returns the submitted gradients."""
    if form == "numbers":
        return lambda *arguments: gradient
    if form == "value-and-gradient":
        return lambda *arguments: function(*arguments)[1]
    return gradient  # type: ignore[no-any-return]


def _without_gradient(source: Callable[..., Any], taken: Arguments) -> list[int]:
    """Return the positions of the arrays that a gradient function leaves out.

    One gradient beside several arguments is that of the first, as of a loss by its predictions.
    """
    try:
        returned = call_user_code("backward", source, *taken.call_with(taken.arrays))
    except OperationRaised:  # it is reported where it is judged
        return []
    floats = [place for place, array in enumerate(taken.arrays) if array.dtype.kind == "f"]
    rows = _by_place(returned, taken, tuple(floats))
    # a structure some of whose arrays have gradients lacks those of the others
    begun = {taken.names[place].split(".")[0] for place in rows}
    return [place for place in floats if taken.names[place].split(".")[0] not in begun]


def _by_place(returned: Any, taken: Arguments, places: Sequence[int]) -> dict[int, Any]:
    """Return the gradients by position of their array, by names where they have names, else in order."""
    leaves = [*leaves_of(returned)]
    if isinstance(returned, Mapping):
        by_name = dict(leaves)
        rows = {}
        for place in places:
            full = taken.names[place]
            short = full.split(".", 1)[-1]
            for candidate in (full, short, f"d{short}", f"{short}_grad", f"grad_{short}", f"d_{short}"):
                if candidate in by_name:
                    rows[place] = by_name.pop(candidate)
                    break
        if by_name:
            names = [taken.names[place].split(".", 1)[-1] for place in places]
            unknown = ", ".join(map(repr, by_name))
            raise malformed(
                "gradient",
                f"gradients of {', '.join(names)}",
                unknown,
                suggest_name(next(iter(by_name)), names),
            )
        return rows
    if isinstance(returned, tuple | list) and len(leaves) == 1:
        return {places[0]: leaves[0][1]}
    if len(leaves) == 1:
        return {places[0]: returned}
    if len(leaves) > len(places) and len(places) == 1:
        return {places[0]: np.asarray(returned)}
    return {place: leaf for place, (_, leaf) in zip(places, leaves, strict=False)}


def _derivative_use(
    function: Any, source: Callable[..., Any], taken: Arguments, fixed: Sequence[int], form: str
) -> Use:
    """Return a use of a function whose gradient is computed from the arguments alone."""
    used: list[Any] = []
    places = [place for place in range(len(taken.arrays)) if place not in fixed]

    def forward(*arrays: Any) -> Any:
        used[:] = arrays
        returned = function(*taken.call_with(arrays))
        value = as_array(returned[0] if form == "value-and-gradient" else returned)
        if value is None:
            raise TypeError(
                f"{describe(returned)} is no array: a function with several outputs needs a backward function"
            )
        return value

    def backward(upstream: Array) -> Any:
        rows = _by_place(source(*taken.call_with(used)), taken, places)
        return tuple(_weighted(rows.get(place), upstream, np.shape(used[place])) for place in places)

    return Use(forward, backward)


def _weighted(gradient: Any, upstream: Array, shape: tuple[int, ...]) -> Any:
    """Return the vector-Jacobian product of a gradient: a Jacobian, or one that is diagonal in rows."""
    array = as_array(gradient)
    if array is None or array.dtype.kind not in "fiub":
        return gradient
    if array.shape == shape and upstream.shape == shape[: upstream.ndim]:
        return upstream.reshape(upstream.shape + (1,) * (len(shape) - upstream.ndim)) * array
    if array.shape == upstream.shape + shape:
        return np.tensordot(upstream, array, axes=upstream.ndim)
    return array  # its shape is wrong, and is reported


def _backward_use(function: Any, gradient: Any, taken: Arguments, fixed: Sequence[int], form: str) -> Use:
    """Return a use of a function with a backward function, which takes the gradients of the outputs."""
    kept: dict[str, Any] = {}
    places = [place for place in range(len(taken.arrays)) if place not in fixed]

    def forward(*arrays: Any) -> Any:
        arguments = taken.call_with(arrays)
        returned = function(*arguments)
        kept["arguments"] = arguments
        kept["output"], kept["cache"] = returned if form != "vjp" else (returned, None)
        parts = [as_array(leaf) for _, leaf in leaves_of(kept["output"])]
        if not parts or any(part is None for part in parts):
            raise TypeError(f"the output is {describe(kept['output'])}, which is no array")
        kept["shapes"] = [part.shape for part in parts if part is not None]
        return joined([part for part in parts if part is not None])

    def backward(upstream: Array) -> Any:
        pieces: list[Any] = parted(upstream, kept["shapes"])
        if taken.in_torch:
            pieces = [tensor_of(piece) for piece in pieces]
        output = rebuilt(kept["output"], iter(pieces))
        if form == "cache":
            returned = gradient(output, kept["cache"])
        elif form == "residuals":
            returned = gradient(kept["cache"], output)
        else:
            returned = gradient(output, *kept["arguments"])
        rows = _by_place(returned, taken, places)
        if len([*leaves_of(returned)]) > len(places):  # gradients of data, which are not judged, among them
            rows = _by_place(returned, taken, range(len(taken.arrays)))
        return tuple(rows.get(place) for place in places)

    return Use(forward, backward)
