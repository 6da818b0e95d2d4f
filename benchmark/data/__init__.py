"""Datasets: where they come from, how they are read, prepared, checked and augmented."""
