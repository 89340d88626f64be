"""The recipe: read, compute references, compare, diagnose, report."""
