"""The numerical engine of the verifier."""
