"""Load and render the templates of report pages, which escape all values."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup

from reference_impl.array import Array
from verifier.report.formulas import mathml
from verifier.report.model import Entries

if TYPE_CHECKING:
    from jinja2 import Environment

ASSETS = Path(__file__).parent / "assets"


def render_template(name: str, **variables: Any) -> str:
    """Return the text of a template with the given variables."""
    return _environment().get_template(f"{name}.html.jinja").render(**variables)


@cache
def asset(name: str) -> str:
    """Return the text of a file in `assets`."""
    return (ASSETS / name).read_text(encoding="utf-8")


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("verifier.exporters.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["mathml"] = lambda formula: Markup(mathml(formula))
    return environment


MOST_ROWS, MOST_COLUMNS = 64, 96


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """Blocks of a matrix.

    rows, columns: the size of a block. worst: the flat index of the worst entry of each block.
    """

    rows: int
    columns: int
    worst: Array


def divide_into_blocks(rank: Array) -> Blocks:
    """Divide a matrix into at most 64 × 96 blocks of equal size; the last ones may be smaller.

    rank: of each entry, the worst one highest.
    """
    height, width = rank.shape
    rows, columns = max(1, -(-height // MOST_ROWS)), max(1, -(-width // MOST_COLUMNS))
    block_rows, block_columns = -(-height // rows), -(-width // columns)
    # argmax returns the first of equal entries, and the first entry of a block is never padding
    padded = np.full((block_rows * rows, block_columns * columns), -np.inf)
    padded[:height, :width] = rank
    blocks = (
        padded.reshape(block_rows, rows, block_columns, columns)
        .swapaxes(1, 2)
        .reshape(block_rows, block_columns, -1)
    )
    worst_in_block = blocks.argmax(axis=2)
    row = np.arange(block_rows)[:, None] * rows + worst_in_block // columns
    column = np.arange(block_columns)[None, :] * columns + worst_in_block % columns
    return Blocks(rows, columns, row * width + column)


def to_matrix(array: Array) -> Array:
    """Return a vector as one row, and a matrix unchanged."""
    return array if array.ndim == 2 else array.reshape(1, -1)


SCALE_END = 8.0  # larger values are drawn at the end of the scale
_UNDECIDED = 5e-324  # rank between all correct and all wrong entries


def severities(entries: Entries) -> Array:
    """Return the severities: −inf for an error of 0, inf for NaN and infinities, NaN for undecided."""
    with np.errstate(all="ignore"):
        tolerance = entries.tolerance
        error = np.where(np.isfinite(entries.difference), np.abs(entries.difference), np.inf)
        quotient = np.where(error == 0, 0.0, error / tolerance)
        return np.where(np.isnan(tolerance), np.nan, np.log10(quotient))


def severity_ranks(severity: Array) -> Array:
    """Return ranks of entries, the worst one highest: wrong, undecided, correct."""
    return np.where(np.isnan(severity), _UNDECIDED, severity)


def clip_severity(severity: Array) -> Array:
    """Return the severity clipped to the ends of the scale; NaN stays NaN."""
    return np.clip(severity, -SCALE_END, SCALE_END)
