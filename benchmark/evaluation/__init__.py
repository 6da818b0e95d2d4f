"""Predictions to per-case scores: metrics, named protocols, controls."""
