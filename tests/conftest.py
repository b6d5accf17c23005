"""Tests that need a system tool say so with ``@pytest.mark.tool("sipp")``."""

import os

import pytest
from hypothesis import settings

from support import tools

pytest_plugins = ["support.run_again"]

# The same examples on every machine and every run; HYPOTHESIS_PROFILE=explore looks for new ones.
settings.register_profile("repeatable", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("explore", deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave out, or under CI fail, a test whose tool is missing."""
    for mark in item.iter_markers("tool"):
        missing = [name for name in mark.args if not tools.present(name)]
        if missing and tools.required():
            pytest.fail(f"missing here, where every tool is required: {', '.join(missing)}")
        if missing:
            pytest.skip(f"needs {', '.join(missing)} (left out; install it to run this test)")
