"""The commands of `mixseg`, one file a family."""
