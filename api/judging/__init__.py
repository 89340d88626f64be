"""Judging in processes of its own, so that a limit of time or memory really stops it."""
