"""The conformance suite: every case against servers in processes of their own, and some of the proofs of them."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import uvloop
from rich.console import Console

from conformance.case import PARTS, Case, cases
from conformance.play import Result
from conformance.run import everything

pytestmark = [pytest.mark.tool("sipp", "raw-sockets"), pytest.mark.timeout(900)]

CASES = cases()
BROKEN = (
    "call-udp",
    "call-tls",
    "call-wss",
    "register-udp",
    "trunk-registers",
    "reliable-provisional",
    "hold",
    "video",
    "transfer-refer",
    "transfer-refer-lost-our-REFER",
    "keys-info-relay",
    "srtp-answered",
    "codec-opus",
    "scanner",
    "nonce-replayed",
    "ladder",
)
"""Of every part some; `python -m conformance --prove` breaks them all."""


def played(wanted: list[Case], folder: Path, *, prove: bool) -> Mapping[str, Result]:
    results = uvloop.run(everything(wanted, folder, Console(), prove=prove))
    return {result.case.name: result for result in results}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Result]:
    return played(CASES, tmp_path_factory.mktemp("cases"), prove=False)


@pytest.fixture(scope="module")
def proofs(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Result]:
    broken = [case for case in CASES if case.name in BROKEN]
    return played(broken, tmp_path_factory.mktemp("broken"), prove=True)


def test_there_are_cases_of_every_part() -> None:
    assert len(CASES) >= 100
    assert {case.build for case in CASES} == PARTS.keys()
    assert {case.transport for case in CASES} >= {"udp", "tcp", "tls", "ws", "wss", "udp6"}
    assert set(BROKEN) <= {case.name for case in CASES}


@pytest.mark.parametrize("name", [case.name for case in CASES])
def test_the_case_is_as_it_should_be(name: str, results: Mapping[str, Result]) -> None:
    fault = results[name].fault
    assert fault is None, fault


@pytest.mark.parametrize("name", BROKEN)
def test_the_case_can_fail(name: str, proofs: Mapping[str, Result]) -> None:
    fault = proofs[name].fault
    assert fault is None, fault
