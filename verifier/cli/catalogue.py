"""Catalogue of activations, losses, oracles, bugs, formats and examples, read from the tables."""

import inspect
from typing import Any

from reference_impl.activations import ACTIVATIONS
from reference_impl.losses import LOSSES
from verifier.diagnosis.catalogue import BUGS, LOCAL_RULES
from verifier.diagnosis.catalogue.bug import LocalRule
from verifier.engine.operations import OPERATIONS
from verifier.examples.named import list_examples
from verifier.exporters import EXPORTERS
from verifier.oracles import GRAPH_ORACLES, LAYER_ORACLES
from verifier.problem.loss import PRESETS, REDUCTIONS
from verifier.problem.precision import PRECISIONS
from verifier.problem.submission import TOLERANCES


def catalogue() -> dict[str, Any]:
    """Return the catalogue as a JSON-serialisable document with one list per table."""
    return {
        "activations": [_activation(name) for name in ACTIVATIONS],
        "losses": [
            {
                "name": row.name,
                "factor": row.default_factor,
                "on": [] if list(row.on) == ["values"] else list(row.on),
                "batch": list(REDUCTIONS),
                "outputs": list(REDUCTIONS) if row.reduces_outputs else ["sum"],
                "class_targets": row.class_targets,
            }
            for row in LOSSES.values()
        ],
        "presets": {name: dict(fields) for name, fields in PRESETS.items()},
        "oracles": [
            {"name": row.name, "description": row.description, "needs": list(row.needs)}
            for row in LAYER_ORACLES.values()
        ],
        "operations": [
            {"name": row.name, "description": row.description, "options": list(row.options)}
            for row in OPERATIONS.values()
        ],
        "oracles_of_graphs": [
            {"name": row.name, "description": row.graph_description, "needs": list(row.needs)}
            for row in GRAPH_ORACLES.values()
        ],
        "bugs": [
            {
                "name": row.id,
                "title": row.words.title,
                "equation": row.equation,
                "right": row.words.right,
                "wrong": row.words.wrong,
                "hint": row.general_hint,
                "seen_in": list(row.words.seen_in),
                "aliases": list(LOCAL_RULES[row.id].aliases) if row.id in LOCAL_RULES else [],
                "in_graphs": _local_rule(LOCAL_RULES[row.id]) if row.id in LOCAL_RULES else None,
            }
            for row in BUGS.values()
        ],
        "formats": list(EXPORTERS),
        "precisions": [{"name": row.name, "unit_roundoff": row.unit_roundoff} for row in PRECISIONS.values()],
        "tolerances": [
            {"preset": row.preset, "rtol": row.rtol, "atol": row.atol} for row in TOLERANCES.values()
        ],
        "examples": [{"name": name, "description": what} for name, what in list_examples().items()],
    }


def _local_rule(rule: LocalRule) -> dict[str, Any]:
    return {"title": rule.title, "right": rule.right, "wrong": rule.wrong, "hint": rule.general_hint}


def _activation(name: str) -> dict[str, Any]:
    row = ACTIVATIONS[name]()
    return {
        "name": name,
        "options": {key: p.default for key, p in inspect.signature(ACTIVATIONS[name]).parameters.items()},
        "elementwise": row.derivative is not None,
        "kinks": [{"at": kink.at, "left": kink.left, "right": kink.right} for kink in row.kinks],
    }
