"""The command `maitred`: a file per command, each of which imports what it needs when it runs."""

from services.assembly.cli.app import main

__all__ = ["main"]
