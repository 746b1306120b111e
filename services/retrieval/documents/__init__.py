"""Documents: taken in, cut into passages and chunks, replaced, removed."""
