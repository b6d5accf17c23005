"""The table of what each torture message was answered with, at the end of the run."""

import pytest

_ROWS = pytest.StashKey[list[tuple[str, ...]]]()
_HEADINGS = ("from", "section", "message", "expected", "actual")


@pytest.fixture
def torture_table(request: pytest.FixtureRequest) -> list[tuple[str, ...]]:
    return request.config.stash.setdefault(_ROWS, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    rows = config.stash.get(_ROWS, [])
    if not rows:
        return
    terminalreporter.section("torture messages")
    widths = [max(len(row[column]) for row in (_HEADINGS, *rows)) for column in range(len(_HEADINGS))]
    for row in (_HEADINGS, *rows):
        terminalreporter.write_line(
            "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        )
