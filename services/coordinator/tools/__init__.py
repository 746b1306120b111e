"""Tools: what a model may do for a guest, and the guard that no model can talk its way past."""
