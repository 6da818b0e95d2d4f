"""Methods: the contract, their declarations, how they are found and checked."""
