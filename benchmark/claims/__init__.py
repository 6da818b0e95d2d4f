"""Claims of papers judged by our scores, reported numbers, and an audit of printed tables."""
