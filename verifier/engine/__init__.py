"""Arithmetics and operations: values, reverse mode, rounding errors, intervals, perturbations."""
