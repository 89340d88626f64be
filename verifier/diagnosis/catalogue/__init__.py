"""Table of known backpropagation bugs, one module for each, in layers and in graphs.

Ids never change; an id that was replaced stays valid as an alias. The orders of the tables are the orders of
preference among bugs with the same gradients.
"""

from collections.abc import Mapping
from types import MappingProxyType

from verifier.diagnosis.catalogue import (
    activated_input,
    assigned_not_accumulated,
    axis_not_restored,
    batch_mean_again_in_hidden_layers,
    batch_mean_for_sum,
    batch_sum_for_mean,
    bias_mean_for_sum,
    bias_not_summed,
    bias_of_another_layer,
    bias_row_sum_of_weight_gradient,
    bias_summed_over_units,
    bias_zero,
    clipped,
    constant_factor,
    derivative_along_wrong_axis,
    derivative_at_activation,
    derivative_at_dropped_activation,
    derivative_broadcast,
    dropout_mask_missing,
    dropout_scale_missing,
    examples_weighted,
    extra_output_derivative,
    factor_two,
    hidden_derivative_at_output,
    inexact_numbers,
    integer_truncation,
    layer_order,
    lower_precision_than_declared,
    mask_from_wrong_tensor,
    missing_activation_derivative,
    missing_output_derivative,
    missing_path,
    multiply_operands_exchanged,
    no_topological_order,
    numerical_gradient,
    output_count_factor,
    output_form_at_preactivation,
    overflow,
    paths_multiplied,
    penalty_factor,
    penalty_missing,
    penalty_missing_on_biases,
    penalty_of_another_form,
    penalty_of_gradient,
    penalty_on_biases,
    preactivation_as_input,
    relu_on_upstream,
    repeated_rows_assigned,
    right_gradient_of_another_loss,
    rounded,
    sign_flipped,
    softmax_jacobian_diagonal,
    softmax_jacobian_missing,
    softmax_one_minus_p,
    softmax_over_batch,
    softmax_twice,
    target_ignored,
    target_sum_ignored,
    transposed_gradient,
    unexplained,
    untransposed_weights,
    updated_weights,
    upstream_error_for_delta,
    weight_sum_for_mean,
    wrong_activation_derivative,
    wrong_layer_input,
    wrong_layer_weights,
    zero_gradient,
)
from verifier.diagnosis.catalogue.bug import Bug, LocalRule

BUGS: Mapping[str, Bug] = MappingProxyType(
    {
        module.BUG.id: module.BUG
        for module in (
            batch_sum_for_mean,
            batch_mean_for_sum,
            batch_mean_again_in_hidden_layers,
            output_count_factor,
            factor_two,
            sign_flipped,
            constant_factor,
            right_gradient_of_another_loss,
            target_ignored,
            softmax_jacobian_missing,
            missing_output_derivative,
            extra_output_derivative,
            softmax_jacobian_diagonal,
            softmax_one_minus_p,
            softmax_over_batch,
            softmax_twice,
            hidden_derivative_at_output,
            target_sum_ignored,
            missing_activation_derivative,
            upstream_error_for_delta,
            derivative_at_activation,
            output_form_at_preactivation,
            wrong_activation_derivative,
            relu_on_upstream,
            mask_from_wrong_tensor,
            derivative_along_wrong_axis,
            untransposed_weights,
            updated_weights,
            wrong_layer_weights,
            dropout_mask_missing,
            dropout_scale_missing,
            derivative_at_dropped_activation,
            derivative_broadcast,
            activated_input,
            preactivation_as_input,
            wrong_layer_input,
            transposed_gradient,
            layer_order,
            weight_sum_for_mean,
            bias_zero,
            bias_summed_over_units,
            bias_mean_for_sum,
            bias_not_summed,
            bias_row_sum_of_weight_gradient,
            bias_of_another_layer,
            examples_weighted,
            assigned_not_accumulated,
            penalty_missing,
            penalty_missing_on_biases,
            penalty_factor,
            penalty_on_biases,
            penalty_of_gradient,
            penalty_of_another_form,
            zero_gradient,
            overflow,
            clipped,
            integer_truncation,
            rounded,
            inexact_numbers,
            numerical_gradient,
            lower_precision_than_declared,
            unexplained,
            missing_path,
            repeated_rows_assigned,
            multiply_operands_exchanged,
            paths_multiplied,
            axis_not_restored,
            no_topological_order,
        )
    }
)

ORDER: Mapping[str, int] = MappingProxyType({bug: position for position, bug in enumerate(BUGS)})

LOCAL_RULES: Mapping[str, LocalRule] = MappingProxyType(
    {
        module.BUG.id: module.BUG.in_graph()
        for module in (
            zero_gradient,
            axis_not_restored,
            missing_activation_derivative,
            missing_path,
            assigned_not_accumulated,
            repeated_rows_assigned,
            bias_not_summed,
            bias_mean_for_sum,
            untransposed_weights,
            multiply_operands_exchanged,
            sign_flipped,
            derivative_at_activation,
            batch_sum_for_mean,
            batch_mean_for_sum,
            factor_two,
            paths_multiplied,
            softmax_jacobian_diagonal,
            no_topological_order,
        )
    }
)
UNEXPLAINED_IN_GRAPH = unexplained.BUG.in_graph()


def _aliases() -> dict[str, tuple[str, ...]]:
    ids: dict[str, tuple[str, ...]] = {}
    for bug, rule in LOCAL_RULES.items():
        for alias in rule.aliases:
            ids[alias] = (*ids.get(alias, ()), bug)
    return ids


# earlier ids, each with the ids that took its place, the main one first
ALIASES: Mapping[str, tuple[str, ...]] = MappingProxyType(_aliases())


def ids_of(name: str) -> tuple[str, ...]:
    """Return the ids that a name stands for: itself, or the ids that took the place of an earlier one."""
    return ALIASES.get(name, (name,))


def find_bug(name: str) -> Bug | None:
    """Return the bug with this id or earlier id; None if there is none."""
    return BUGS.get(ids_of(name)[0])


def find_local_rule(name: str) -> LocalRule:
    """Return the local rule with this id or earlier id, or `UNEXPLAINED_IN_GRAPH`."""
    return LOCAL_RULES.get(ids_of(name)[0], UNEXPLAINED_IN_GRAPH)
