"""`python -m hotpass` is the command `hotpass`."""

import sys

from hotpass.cli.app import main

sys.exit(main())
