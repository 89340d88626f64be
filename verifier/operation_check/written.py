"""An operation as somebody wrote it, in either form that courses ask for, called in one way.

The lecture's form: `forward(*args)`, `backward(output_grad)`. That of edugrad: `forward(ctx, *args)`,
`backward(ctx, grad_output)`, where ctx is a list.
"""

import copy
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import Parameter, getclosurevars, signature
from itertools import islice
from typing import Any

from verifier.documents.mistakes import MalformedSubmission, Mistake

FORMS = ("lecture", "edugrad")
_CONTEXTS = ("ctx", "context")
_POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
_VARIADIC = ("a", "b", "c", "d")  # names of arguments that the code gives none
_RULE = "an operation: a class or an object with the methods forward and backward"


@dataclass(frozen=True, slots=True)
class Use:
    """One application of an operation: forward, then backward, which may remember what forward saw."""

    forward: Callable[..., Any]
    backward: Callable[[Any], Any]


@dataclass(frozen=True, slots=True, eq=False)
class WrittenOperation:
    """name: as it may be printed in code. keywords: what its forward is given by keyword.

    arguments: their names; of an operation that takes any number, those of the first few (`variadic`).
    begin: gives a fresh use. is_class: a use makes an object of its own, else a copy.
    on_tensors: its name in code means a function of tensors, not the class itself. made_with: the arguments
    of a class, in code.
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

    def takes(self, count: int) -> bool:
        return 0 < count <= len(self.arguments) if self.variadic else count == len(self.arguments)


def read_operation(
    operation: Any, form: str | None, options: Mapping[str, Any], name: str | None
) -> WrittenOperation:
    """Find the two methods, and which form they have.

    options: those that forward, or the class, names are handed on to it. Raises: MalformedSubmission.
    """
    if form is not None and form not in FORMS:
        raise malformed("form", f"one of {', '.join(FORMS)}", repr(form))
    source = _undecorated(operation)
    try:
        fits = all(callable(getattr(source, method, None)) for method in ("forward", "backward"))
    except Exception:  # of an object whose attributes raise
        fits = False
    if not fits:
        raise malformed("operation", _RULE, f"{type(operation).__name__} {_name(operation)!r}")
    make = _maker(source, options)
    parameters = _parameters(make(), source)
    if form is None:
        form = "edugrad" if parameters and parameters[0].name in _CONTEXTS else "lecture"
    if form == "edugrad":
        parameters = parameters[1:]
    open_ended = any(own.kind is Parameter.VAR_KEYWORD for own in parameters)
    named = {own.name for own in parameters if own.kind not in (Parameter.VAR_POSITIONAL,)}
    keywords = {key: value for key, value in options.items() if key in named or open_ended}
    positional = [own.name for own in parameters if own.kind in _POSITIONAL and own.name not in keywords]
    needed = [own.name for own in parameters if own.kind in _POSITIONAL and own.default is Parameter.empty]
    arguments = tuple(own for own in positional if own in needed)
    variadic = any(own.kind is Parameter.VAR_POSITIONAL for own in parameters)
    if variadic:
        arguments = (*arguments, *islice((own for own in _VARIADIC if own not in arguments), 3))
    if not arguments:
        raise malformed("operation", "a forward that takes at least one argument", "one without any")
    return WrittenOperation(
        name=name or _name(operation),
        form=form,
        arguments=arguments,
        variadic=variadic,
        keywords=keywords,
        begin=_starter(make, form, keywords),
        is_class=isinstance(source, type),
        on_tensors=source is not operation,
        made_with=", ".join(f"{key}={value!r}" for key, value in _accepted(source, options).items()),
    )


def malformed(place: str, expected: str, found: str, remedy: str = "") -> MalformedSubmission:
    return MalformedSubmission([Mistake(place, expected, found, remedy)])


def _undecorated(operation: Any) -> Any:
    """Give the class behind a function that a decorator made of it, as edugrad's `tensor_op` does."""
    if not inspect.isfunction(operation):
        return operation
    held = getclosurevars(operation).nonlocals.values()
    return next((own for own in held if isinstance(own, type) and hasattr(own, "backward")), operation)


def _maker(source: Any, options: Mapping[str, Any]) -> Callable[[], Any]:
    if not isinstance(source, type):
        return lambda: _copied(source)
    accepted = _accepted(source, options)

    def make() -> Any:
        try:
            return source(**accepted)
        except TypeError as error:
            remedy = f"give an object: {source.__name__}(…), or the arguments it names as options"
            raise malformed("operation", "a class that can be called so", str(error)[:200], remedy) from None

    return make


def _copied(source: Any) -> Any:
    try:
        return copy.deepcopy(source)
    except Exception:  # whatever it holds that cannot be copied; then there is this one alone
        return source


def _accepted(source: Any, options: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(source, type) or source.__init__ is object.__init__:  # type: ignore[misc]
        return {}
    try:
        named = signature(source).parameters
    except (TypeError, ValueError):  # some classes of C have none
        return {}
    return {key: value for key, value in options.items() if key in named}


def _parameters(instance: Any, source: Any) -> list[Parameter]:
    try:
        return list(signature(instance.forward).parameters.values())
    except (TypeError, ValueError):
        raise malformed("operation", "a forward whose arguments can be read", _name(source)) from None


def _starter(make: Callable[[], Any], form: str, keywords: Mapping[str, Any]) -> Callable[[], Use]:
    def begin() -> Use:
        instance = make()
        if form == "lecture":
            return Use(
                lambda *args: instance.forward(*args, **keywords), lambda grad: instance.backward(grad)
            )
        context: list[Any] = []

        def forward(*args: Any) -> Any:
            context.clear()
            return instance.forward(context, *args, **keywords)

        return Use(forward, lambda grad: instance.backward(context, grad))

    return begin


def _name(operation: Any) -> str:
    if inspect.isfunction(operation):
        source = _undecorated(operation)
        return str(getattr(source, "__name__", "operation"))
    return operation.__name__ if isinstance(operation, type) else type(operation).__name__
