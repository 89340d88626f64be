"""Attacks on a running service: one module for one question, each prints what was seen.

    python -m benchmarks.attacks.NAME

Each starts a service of its own on a free port, so no attack meets what another one left.
"""
