"""Standalone scripts that are copied into a bundle and run by the platform."""
