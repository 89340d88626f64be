"""Arithmetics that the formulas of operations run over, all with the methods of `numbers.Numbers`."""
