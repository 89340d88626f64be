"""Which local rule is broken? Node by node from the output back, by the submitter's own gradients."""
