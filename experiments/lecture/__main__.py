"""``python -m experiments.lecture``."""

import sys

from experiments.lecture import main

sys.exit(main())
