"""`python -m services.assembly.cli` is `maitred`."""

from services.assembly.cli import main

main()
