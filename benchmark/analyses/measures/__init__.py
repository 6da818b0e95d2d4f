"""The measuring code of the analyses: the measured numbers depend on it, and on nothing else."""
