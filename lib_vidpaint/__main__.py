"""`python -m lib_vidpaint` is `vidpaint`."""

import sys

from .cli import main

sys.exit(main())
