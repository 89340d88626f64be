"""Diagnosis: the catalogue of bugs, the search for them, and mutation testing of problems."""
