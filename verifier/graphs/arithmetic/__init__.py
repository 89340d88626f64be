"""What a row's formulas may be run over. All of these have the operations of `numbers.Numbers`."""
