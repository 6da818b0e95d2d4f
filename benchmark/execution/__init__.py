"""Where runs are executed; executors only fill the store."""
