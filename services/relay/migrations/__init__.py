"""Revisions of schema `events`."""
