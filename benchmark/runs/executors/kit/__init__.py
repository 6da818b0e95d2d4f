"""What executors share: the contract, the order and its estimate, the watch, the guard."""
