"""One training loop for all methods, its optimisers, its store and its checkpoints."""
