"""Executors: where runs are executed; they only fill the store."""
