"""Parts of networks that several methods share; each belongs to the methods that import it."""
