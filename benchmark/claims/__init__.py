"""Claims of papers judged by our scores, and reported numbers beside ours."""
