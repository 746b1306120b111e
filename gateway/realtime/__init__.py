"""Server-sent events: frames, and one writer for many connections.

A frame is encoded once and written to everyone who may see it, by the task that read it; a
connection costs no task per event, and one that does not read is cut off, never waited for.
"""
