"""The audit of a printed table: what cannot be, and what contradicts the rest of it."""
