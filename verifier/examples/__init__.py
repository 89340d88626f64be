"""Example problems with right and wrong gradients, and the gallery."""
