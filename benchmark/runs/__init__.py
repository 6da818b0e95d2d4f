"""Runs: their identity, their store, and how they are executed."""
