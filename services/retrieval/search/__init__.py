"""A copy of each tenant's index in memory, and the search in it."""
