"""Measures of speed: what `mixseg bench` runs."""
