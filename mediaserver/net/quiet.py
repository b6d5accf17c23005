"""For libraries that log what we tell in our own words."""

import logging

QUIET = logging.getLogger("mediaserver.net.quiet")
"""Says nothing."""
QUIET.addHandler(logging.NullHandler())
QUIET.propagate = False
QUIET.setLevel(logging.CRITICAL + 1)
