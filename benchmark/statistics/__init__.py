"""Statistics over tables of scores; no torch in here."""
