"""`python -m omendb_cli` is `omen`."""

import sys

from omendb_cli.main import main

sys.exit(main())
