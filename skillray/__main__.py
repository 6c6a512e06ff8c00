"""`python -m skillray`."""

from skillray.cli.main import main

main()
