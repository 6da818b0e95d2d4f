"""What a release of results holds: bundle, cards, checklists, provenance."""
