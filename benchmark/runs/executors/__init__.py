"""Where runs are executed: a file here that holds an `EXECUTOR` is one; each only fills the store.

What executors share lies in `kit`; an executor imports its package only when it starts.
"""
