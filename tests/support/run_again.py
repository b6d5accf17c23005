"""Calls are made in real time: one during which the machine stood still proves nothing, and its test is run again.

A test that fails on a machine that kept up has failed. What was run again is told at the end.
"""

import contextlib
import time
from pathlib import Path
from typing import Final

import pytest
import pytest_timeout
from _pytest.runner import runtestprotocol

from support.standstill import Stop, Watch

_TRIES: Final = 3

_watch = pytest.StashKey[Watch]()
_began = pytest.StashKey[dict[Path, float]]()
"""When the first test of each file was begun: the calls it judges may have been made then."""
_again = pytest.StashKey[list[str]]()
"""What was run again, and why."""


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_watch], config.stash[_began], config.stash[_again] = Watch(), {}, []
    config.stash[_watch].start()


def pytest_unconfigure(config: pytest.Config) -> None:
    config.stash[_watch].close()


def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool:
    """Run a test, up to three times as long as the machine is what fails."""
    began = item.config.stash[_began]
    began.setdefault(item.path, time.monotonic())
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for tried in range(1, _TRIES + 1):
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
        stops = item.config.stash[_watch].since(began[item.path])
        failed = [report for report in reports if report.failed]
        if tried == _TRIES or not stops or not failed:
            break
        item.config.stash[_again].append(f"{item.nodeid}: the machine {_told(stops)}; {_why(failed[0])}")
        _afresh(item)
        began[item.path] = time.monotonic()
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """How the machine did, and what that led to."""
    stops, again = config.stash[_watch].stops, config.stash[_again]
    if stops:
        terminalreporter.write_sep("=", "the machine")
        terminalreporter.write_line(_told(stops))
    for each in again:
        terminalreporter.write_line(f"run again: {each}")


def _told(stops: list[Stop]) -> str:
    longest = max(stop.seconds for stop in stops)
    return f"stood still {len(stops)} times, for up to {longest * 1000:.0f} ms"


def _why(report: pytest.TestReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    message = str(report.longrepr) if crash is None else crash.message
    return message.partition("\n")[0][:200]


def _afresh(item: pytest.Item) -> None:
    """Take down what its file shares, calls that were made included, and give it the time of a new test."""
    with contextlib.suppress(Exception):  # of a call that went wrong, and is made again
        item.session._setupstate.teardown_exact(None)
    settings = pytest_timeout._get_item_settings(item)
    hooks = item.config.pluginmanager.hook
    hooks.pytest_timeout_cancel_timer(item=item)
    hooks.pytest_timeout_set_timer(item=item, settings=settings)
