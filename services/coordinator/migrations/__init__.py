"""Revisions of schema `coordinator`."""
