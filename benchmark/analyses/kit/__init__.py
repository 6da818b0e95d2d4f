"""What all analyses share: the contract, the execution, the reading of what was measured."""
