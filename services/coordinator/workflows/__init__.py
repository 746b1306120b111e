"""Workflows: how a turn goes, as data. A graph is checked when the process starts, then walked."""
