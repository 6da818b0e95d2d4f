"""Analyses beyond the scores: each file here that holds an `ANALYSIS` is one."""
