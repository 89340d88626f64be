"""Adapt a user's operation to one calling convention.

Three forms are supported. In the lecture's form the methods are `forward(*args)` and `backward(output_grad)`.
In edugrad's form they are `forward(ctx, *args)` and `backward(ctx, grad_output)`, where ctx saves values.
A subclass of `torch.autograd.Function` is applied by PyTorch itself.
"""

import copy
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from inspect import Parameter, getclosurevars, signature
from itertools import islice
from typing import Any

from reference_impl.array import Array
from verifier.problem.errors import malformed
from verifier.testing.operation_check.frameworks import torch_use
from verifier.testing.operation_check.structures import Use

FORMS = ("lecture", "edugrad", "torch")
_CONTEXTS = ("ctx", "context")
_POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
_VARIADIC = ("a", "b", "c", "d")  # names for variadic arguments
_RULE = "an operation: a class or an object with the methods forward and backward"


@dataclass(frozen=True, slots=True, eq=False)
class UserOperation:
    """User's operation.

    name: name in code.
    arguments: names of the arguments; the first few if the operation is variadic.
    keywords: keyword arguments of forward.
    begin: function that starts a new use.
    is_class: True if every use creates an object; otherwise it copies the user's object.
    on_tensors: True if the name in code is a function of tensors, as in edugrad, not the class.
    made_with: arguments of the class, as code.
    make: function that returns a new object.
    code: function of the arguments' arrays and the upstream gradient, which returns lines of code that call
        forward and backward; None for a class or an object with these methods.
    """

    name: str
    form: str
    arguments: tuple[str, ...]
    variadic: bool
    keywords: Mapping[str, Any]
    begin: Callable[[], Use]
    is_class: bool
    on_tensors: bool
    made_with: str = ""
    make: Callable[[], Any] | None = None
    code: Callable[[Sequence[Array], Array], Sequence[str]] | None = None

    def takes(self, count: int) -> bool:
        return 0 < count <= len(self.arguments) if self.variadic else count == len(self.arguments)


def read_operation(
    operation: Any, form: str | None, options: Mapping[str, Any], name: str | None
) -> UserOperation:
    """Return the operation with its form and its arguments.

    options: passed on to forward and to the class if these have parameters with such names.
    Raises: MalformedSubmission.
    """
    if form is not None and form not in FORMS:
        raise malformed("form", f"one of {', '.join(FORMS)}", repr(form))
    source = _undecorated(operation)
    try:
        has_methods = all(callable(getattr(source, method, None)) for method in ("forward", "backward"))
    except Exception:  # an attribute may be a property that raises
        has_methods = False
    if not has_methods:
        raise malformed("operation", _RULE, f"{type(operation).__name__} {_name(operation)!r}")
    make = _maker(source, options)
    is_of_torch = _is_torch_function(source)
    parameters = _parameters(source if is_of_torch else make(), source)
    if form is None:
        has_context = bool(parameters) and parameters[0].name in _CONTEXTS
        form = "torch" if is_of_torch else "edugrad" if has_context else "lecture"
    if form != "lecture":
        parameters = parameters[1:]
    has_var_keyword = any(p.kind is Parameter.VAR_KEYWORD for p in parameters)
    named = {p.name for p in parameters if p.kind not in (Parameter.VAR_POSITIONAL,)}
    keywords = {key: value for key, value in options.items() if key in named or has_var_keyword}
    positional = [p.name for p in parameters if p.kind in _POSITIONAL and p.name not in keywords]
    required = [p.name for p in parameters if p.kind in _POSITIONAL and p.default is Parameter.empty]
    arguments = tuple(argument for argument in positional if argument in required)
    variadic = any(p.kind is Parameter.VAR_POSITIONAL for p in parameters)
    if variadic:
        arguments = (*arguments, *islice((letter for letter in _VARIADIC if letter not in arguments), 3))
    if not arguments:
        raise malformed("operation", "a forward that takes at least one argument", "one without any")
    return UserOperation(
        name=name or _name(operation),
        form=form,
        arguments=arguments,
        variadic=variadic,
        keywords=keywords,
        begin=_use_factory(source if form == "torch" else make, form, keywords),
        is_class=isinstance(source, type),
        on_tensors=source is not operation,
        made_with=", ".join(f"{key}={value!r}" for key, value in _accepted_options(source, options).items()),
        make=make,
    )


def after_first_use(operation: UserOperation, arguments: Sequence[Array]) -> UserOperation:
    """Return the operation with an object that has been used once, whose copies are the further uses.

    The operation itself is returned if it is a class or if its object refuses the arguments.
    """
    if operation.is_class or operation.make is None or operation.form == "torch":
        return operation
    instance = operation.make()
    try:
        arrays = [array.copy() for array in arguments]
        context = (SavedContext(),) if operation.form == "edugrad" else ()
        instance.forward(*context, *arrays, **operation.keywords)
    except Exception:  # it is reported where the operation is judged
        return operation

    def make() -> Any:
        return _copy(instance)

    return replace(operation, begin=_use_factory(make, operation.form, operation.keywords), make=make)


def _undecorated(operation: Any) -> Any:
    """Return the class that a decorator such as edugrad's `tensor_op` turned into a function."""
    if inspect.ismethod(operation) or inspect.isbuiltin(operation):  # such as `Cube.apply`
        applied = operation.__self__
        return applied if isinstance(applied, type) and hasattr(applied, "backward") else operation
    if not inspect.isfunction(operation):
        return operation
    values = getclosurevars(operation).nonlocals.values()
    return next(
        (value for value in values if isinstance(value, type) and hasattr(value, "backward")), operation
    )


def _maker(source: Any, options: Mapping[str, Any]) -> Callable[[], Any]:
    if not isinstance(source, type):
        return lambda: _copy(source)
    accepted = _accepted_options(source, options)

    def make() -> Any:
        try:
            return source(**accepted)
        except TypeError as error:
            remedy = f"give an object: {source.__name__}(…), or the arguments it names as options"
            raise malformed("operation", "a class that can be called so", str(error)[:200], remedy) from None

    return make


def _copy(source: Any) -> Any:
    try:
        return copy.deepcopy(source)
    except Exception:  # an attribute cannot be copied; all uses share the object
        return source


def _accepted_options(source: Any, options: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(source, type) or source.__init__ is object.__init__:  # type: ignore[misc]
        return {}
    try:
        named = signature(source).parameters
    except (TypeError, ValueError):  # some classes written in C have no signature
        return {}
    return {key: value for key, value in options.items() if key in named}


def _parameters(instance: Any, source: Any) -> list[Parameter]:
    try:
        return list(signature(instance.forward).parameters.values())
    except (TypeError, ValueError):
        raise malformed("operation", "a forward whose arguments can be read", _name(source)) from None


def _is_torch_function(source: Any) -> bool:
    torch = sys.modules.get("torch")  # if the class is PyTorch's, PyTorch has been imported
    return torch is not None and isinstance(source, type) and issubclass(source, torch.autograd.Function)


class SavedContext(list[Any]):
    """Context of one use: a list, as in edugrad, with the methods of contexts of PyTorch and minitorch."""

    def __init__(self) -> None:
        super().__init__()
        self.clear()
        self.saved_tensors: tuple[Any, ...] = ()

    def save_for_backward(self, *values: Any) -> None:
        self.saved_tensors = values

    @property
    def saved_values(self) -> tuple[Any, ...]:
        return self.saved_tensors

    @property
    def needs_input_grad(self) -> "_AllTrue":
        return _AllTrue()

    def mark_non_differentiable(self, *values: Any) -> None: ...

    def set_materialize_grads(self, value: bool) -> None: ...


class _AllTrue:
    """Sequence of any length whose items are True."""

    def __getitem__(self, index: int) -> bool:
        return True


def _use_factory(make: Any, form: str, keywords: Mapping[str, Any]) -> Callable[[], Use]:
    """Return a function that starts a use. make: returns an object; in the form of PyTorch, the class."""
    if form == "torch":

        def applied(*tensors: Any) -> Any:
            return make.apply(*tensors, *keywords.values())

        return partial(torch_use, applied, unused_is_zero=False)

    def begin() -> Use:
        instance = make()
        if form == "lecture":
            return Use(
                lambda *args: instance.forward(*args, **keywords), lambda grad: instance.backward(grad)
            )
        context = SavedContext()

        def forward(*args: Any) -> Any:
            context.__init__()  # type: ignore[misc]
            return instance.forward(context, *args, **keywords)

        return Use(forward, lambda grad: instance.backward(context, grad))

    return begin


def _name(operation: Any) -> str:
    if inspect.isroutine(operation):
        source = _undecorated(operation)
        return str(getattr(source, "__name__", "operation"))
    return operation.__name__ if isinstance(operation, type) else type(operation).__name__
