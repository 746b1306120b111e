"""Carts as values: what words change in them, whether they fit the catalog, what they cost."""
