"""Compare float32 errors with those of correct programs on this very problem.

The rounding allowance of `rounding_allowance` holds for every order of summation. An error within it that
exceeds the errors of all float32 runs `FACTOR` times, relative to the scales of the entries, is doubtful. It
may be the rounding error of a program unlike the runs, so it makes an entry undecided, never incorrect.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from reference_impl.array import Array
from reference_impl.network import Trace, named
from reference_impl.problem import Problem
from verifier.engine.estimate import Estimate
from verifier.engine.float32_runs import RUNS, Float32Gradient, float32_run
from verifier.engine.lazy_products import LazyEstimates, blocks
from verifier.judging.comparison import Comparison
from verifier.problem.precision import PRECISIONS

# Of 1,440 gradients of correct programs on structured batches, 2 exceeded 3 times the errors of the runs.
FACTOR = 3.0
NEGLIGIBLE = 2.0 * PRECISIONS["float32"].unit_roundoff  # a relative error that needs no runs
LOOP_ENTRIES = 64  # entries of each parameter that are summed one example after the other, too


class Float32Errors:
    """The errors of the float32 runs of one problem, each computed when it is first needed.

    reference, scale: by parameter. Entries at a kink, or whose scale is 0, are left out.
    """

    def __init__(
        self,
        problem: Problem,
        trace: Trace,
        reference: Mapping[str, Estimate],
        scale: Mapping[str, Array],
    ) -> None:
        if not isinstance(reference, LazyEstimates):  # those have no kinks
            scale = {name: _away_from_kinks(scale[name], reference[name]) for name in reference}
        self._problem, self._trace, self._reference, self._scale = problem, trace, reference, scale
        self._runs: list[tuple[Float32Gradient, float]] = []

    def explain(self, gradients: Mapping[str, Array], rtol: float) -> bool:
        """True if the errors of some run, times `FACTOR`, reach those of the submitted gradients."""
        largest = self._relative_error(gradients) - rtol
        return largest <= NEGLIGIBLE or any(FACTOR * error >= largest for _, error in self._all())

    def doubtful(self, comparisons: Mapping[str, Comparison], rtol: float) -> dict[str, Comparison]:
        """Return the comparisons with the entries undecided that no run explains.

        These entries are also summed in a loop over the examples, which may lose more.
        """
        limit = max(NEGLIGIBLE, FACTOR * max(error for _, error in self._all()))
        with np.errstate(all="ignore"):
            relative = {
                name: np.nan_to_num((row.error - row.uncertainty) / self._scale[name] - rtol, posinf=0.0)
                for name, row in comparisons.items()
            }
            for name, errors in relative.items():
                suspicious = np.argsort(errors, axis=None)[::-1][:LOOP_ENTRIES]
                entries = np.unravel_index(suspicious[errors.ravel()[suspicious] > limit], errors.shape)
                for run, _ in self._runs[:2] if entries[0].size else ():
                    error = np.abs(run.summed_in_a_loop(name, entries) - self._reference[name].value[entries])
                    limit = max(limit, FACTOR * float(np.fmax.reduce(error / self._scale[name][entries])))
        return {name: _undecided(row, relative[name] > limit) for name, row in comparisons.items()}

    def _all(self) -> Iterator[tuple[Float32Gradient, float]]:
        for number in range(RUNS):
            if number == len(self._runs):
                run = float32_run(self._problem, self._trace, number)
                self._runs.append((run, self._relative_error(run)))
            yield self._runs[number]

    @np.errstate(all="ignore")
    def _relative_error(self, gradients: Mapping[str, Array]) -> float:
        """Return the largest error over the scale, without the reference's error; inf after an overflow."""
        largest = 0.0
        for block in blocks({name: a for name, a in named(self._problem.parameters) if name in gradients}):
            reference = block.of_estimates(self._reference)
            values, scale = block.of(gradients), block.of(self._scale)
            if reference.columns is not None:
                values, scale = values[..., reference.columns], scale[..., reference.columns]
            relative = (np.abs(values - reference.value) - reference.error) / scale
            relative = np.where(np.isfinite(values), relative, np.inf)
            known = (scale > 0) & np.isfinite(scale + reference.value + reference.error)
            largest = max(largest, float(relative.max(initial=0.0, where=known)))
        return largest


def _away_from_kinks(scale: Array, estimate: Estimate) -> Array:
    return (
        scale
        if estimate.subgradient_radius is None
        else np.where(estimate.subgradient_radius > 0, 0.0, scale)
    )


def _undecided(row: Comparison, doubtful: Array) -> Comparison:
    doubtful = doubtful & row.correct
    return replace(
        row,
        correct=row.correct & ~doubtful,
        to_rounding=row.to_rounding & ~doubtful,
        undecided=row.undecided | doubtful,
        doubtful=row.doubtful | doubtful,
    )
