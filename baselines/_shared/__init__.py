"""Parts of networks, and families of networks, that several methods share."""
