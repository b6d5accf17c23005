"""Tests that need a system tool say so with ``@pytest.mark.tool("sipp")``."""

import pytest

from support import tools


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave out, or under CI fail, a test whose tool is missing."""
    for mark in item.iter_markers("tool"):
        missing = [name for name in mark.args if not tools.present(name)]
        if missing and tools.required():
            pytest.fail(f"missing here, where every tool is required: {', '.join(missing)}")
        if missing:
            pytest.skip(f"needs {', '.join(missing)} (left out; install it to run this test)")
