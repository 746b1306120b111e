"""A simulated month: the loop's own domain code, guests made of chance, and a clock of its own."""
