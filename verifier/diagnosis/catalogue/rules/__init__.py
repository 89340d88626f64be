"""Wrong formulas for each equation of backpropagation, used by the table in `bugs/`."""
