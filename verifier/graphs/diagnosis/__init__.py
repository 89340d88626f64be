"""Find wrong local derivative rules in a graph, node by node from the output back."""
