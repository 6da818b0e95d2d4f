"""Paths and files, errors, progress, parameters, plain text; no torch."""
