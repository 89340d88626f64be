"""Compare float32 errors with those of correct programs on this very problem.

The rounding allowance of `rounding_allowance` holds for every order of summation. An error within it is
doubtful if it is several times larger than the errors of all float32 runs. Errors are compared relative to
the scales of their entries, and relative to the allowances. A doubtful error may be the rounding error of a
program unlike the runs, so it makes an entry undecided, never incorrect.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import numpy as np

from reference_impl.array import Array
from reference_impl.network import Trace
from reference_impl.problem import Problem
from verifier.engine.estimate import Estimate
from verifier.engine.float32_runs import RUNS, Float32Gradient, float32_run
from verifier.engine.lazy_products import LazyEstimates
from verifier.engine.rounding_allowance import Rounding
from verifier.judging.comparison import Comparison
from verifier.judging.statistics import blocks
from verifier.problem.precision import PRECISIONS

# Of 2,592 gradients of correct programs on structured batches, 18 exceed it (docs/soundness.md).
FACTOR = 2.5
NEGLIGIBLE = 2.0 * PRECISIONS["float32"].unit_roundoff  # an error over the scale that needs no runs
LOOP_ENTRIES = 64  # entries of each parameter that are summed one example after the other, too


class Float32Errors:
    """The errors of the float32 runs of one problem, each computed when it is first needed.

    reference: by parameter. Entries at a kink, or without rounding errors, are left out.
    roundings: returns the rounding errors in float32. Its argument is True for the smaller ones of sums of
    independent roundings, which are computed faster.

    A relative error has a last axis of size 2: relative to the scale, and to the allowance.
    """

    def __init__(
        self,
        problem: Problem,
        trace: Trace,
        reference: Mapping[str, Estimate],
        roundings: Callable[[bool], Rounding],
    ) -> None:
        self._problem, self._trace, self._reference, self._roundings = problem, trace, reference, roundings
        self._runs: list[Float32Gradient] = []
        self._errors: dict[bool, list[Array]] = {True: [], False: []}

    def explain(self, gradients: Mapping[str, Array], rtol: float) -> bool:
        """True if the errors of the runs are about as large as those of the submitted gradients.

        It uses the smaller allowances. `doubtful` decides about the gradients that they do not explain.
        """
        error = self._largest_error(gradients, True, rtol)
        if error[0] <= NEGLIGIBLE:
            return True
        limit = np.zeros(2)
        for error_of_run in self._errors_of_runs(True):
            limit = np.maximum(limit, FACTOR * error_of_run)
            if (error <= limit).all():
                return True
        return False

    def doubtful(self, comparisons: Mapping[str, Comparison], rtol: float) -> dict[str, Comparison]:
        """Return the comparisons with the entries undecided that no run explains.

        These entries are also summed in a loop over the examples, which may lose more.
        """
        limit = FACTOR * np.max(list(self._errors_of_runs(False)), axis=0)
        scales, allowances = self._scales_and_allowances(False)
        excess: dict[str, Array] = {}
        with np.errstate(all="ignore"):
            for name, row in comparisons.items():
                units = np.stack([scales[name], allowances[name]], axis=-1)
                error = row.error - row.uncertainty - rtol * scales[name]
                relative = np.nan_to_num(error[..., np.newaxis] / units, posinf=0.0)
                relative[relative[..., 0] <= NEGLIGIBLE] = 0.0
                excess[name] = relative
                largest = (relative / limit).max(axis=-1)
                suspicious = np.argsort(largest, axis=None)[::-1][:LOOP_ENTRIES]
                entries = np.unravel_index(suspicious[largest.ravel()[suspicious] > 1.0], largest.shape)
                for run in self._runs[:2] if entries[0].size else ():
                    looped = run.summed_in_a_loop(name, entries) - self._reference[name].value[entries]
                    looped = np.abs(looped)
                    limit = np.fmax(limit, FACTOR * np.fmax.reduce(looped[:, np.newaxis] / units[entries]))
        return {
            name: _undecided(row, (excess[name] > limit).any(axis=-1)) for name, row in comparisons.items()
        }

    def _errors_of_runs(self, independent: bool) -> Iterator[Array]:
        errors = self._errors[independent]
        for number in range(RUNS):
            if number == len(self._runs):
                self._runs.append(float32_run(self._problem, self._trace, number))
            if number == len(errors):
                errors.append(self._largest_error(self._runs[number], independent))
            yield errors[number]

    def _scales_and_allowances(self, independent: bool) -> list[Mapping[str, Array]]:
        """Return both by parameter, with zeros at kinks."""
        rounding = self._roundings(independent)
        both = [rounding.scale, rounding.allowance]
        if isinstance(self._reference, LazyEstimates):  # those have no kinks
            return both
        return [
            {name: _away_from_kinks(arrays[name], self._reference[name]) for name in self._reference}
            for arrays in both
        ]

    @np.errstate(all="ignore")
    def _largest_error(self, gradients: Mapping[str, Array], independent: bool, rtol: float = 0.0) -> Array:
        """Return the largest relative error beyond the reference's, (2,); inf after an overflow.

        rtol: a further tolerance, relative to the scale.
        """
        largest = np.zeros(2)
        both = self._scales_and_allowances(independent)
        for block in blocks({name: a for name, a in self._problem.arrays.items() if name in gradients}):
            reference = block.of_estimates(self._reference)
            values, scale, allowance = (block.of(arrays) for arrays in (gradients, *both))
            if reference.columns is not None:
                values, scale, allowance = (x[..., reference.columns] for x in (values, scale, allowance))
            error = np.abs(values - reference.value) - reference.error - rtol * scale
            error[~np.isfinite(values)] = np.inf
            known = np.isfinite(scale + allowance + reference.value + reference.error)
            for index, unit in enumerate((scale, allowance)):
                relative = (error / unit).max(initial=0.0, where=known & (unit > 0))
                largest[index] = max(largest[index], float(relative))
        return largest


def _away_from_kinks(values: Array, estimate: Estimate) -> Array:
    if estimate.subgradient_radius is None:
        return values
    return np.where(estimate.subgradient_radius > 0, 0.0, values)


def _undecided(row: Comparison, doubtful: Array) -> Comparison:
    doubtful = doubtful & row.correct
    return replace(
        row,
        correct=row.correct & ~doubtful,
        to_rounding=row.to_rounding & ~doubtful,
        undecided=row.undecided | doubtful,
        doubtful=row.doubtful | doubtful,
    )
