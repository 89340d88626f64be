"""Random valid graphs, drawn by Hypothesis or from a seed."""
