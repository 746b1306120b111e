"""Prices that hold for some minutes, for one principal."""
