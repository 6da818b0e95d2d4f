"""Synthetic images of the four modalities with exact masks."""
