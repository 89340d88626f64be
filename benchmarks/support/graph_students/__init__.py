"""Independent reverse mode over graphs, correct or with one mistake, in numpy with textbook formulas."""
