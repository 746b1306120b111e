"""Catalogs taken in and given out in bulk: asked for by a call, done by a job."""
