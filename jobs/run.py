"""`python -m jobs.run CONFIG [--run-dir D] [--set k=v]`: what `ray job submit --working-dir . -- ...` calls."""

import sys

from skillray.cli.main import main

if __name__ == "__main__":
    sys.argv.insert(1, "run")
    main()
