"""What a server answers to each torture message of RFC 4475 and RFC 5118: the table is in the summary of the run.

The messages are not ours to distribute: see `test_rfc4475.py`. Expected is what the RFCs say of a user agent server
that is nobody's proxy, is a registrar, and lets in everybody as whom he says he is.
"""

import pytest

from mediaserver.errors import RemoteProtocolError
from mediaserver.sip.door import Admission, Verdict
from mediaserver.sip.events import Flow, IncomingCall
from mediaserver.sip.framing import HEAD_END
from mediaserver.sip.message import Request, Response
from mediaserver.sip.registrar import Registrar
from support.sip_rig import Rig, request
from support.torture import ABSENT, CASES, Case

TAKEN = "a call"
"""100, and the call is offered to whom it is for."""
SILENCE = "silence"
NOT_FOR_HOW_IT_IS_WRITTEN = (403, 404, 405, 415, 416, 420, 481, 483, 488, 501)
"""What a well-formed request may be refused with: for what it asks."""
EXPECTED: dict[str, tuple[tuple[int | str, ...], str]] = {
    "test.dat": ((SILENCE, 400), "no SIP: 400 or silence"),  # in the archive, but in no section of the RFC
    "wsinv.dat": ((481,), "no 400 (it is of a dialog: 481)"),
    "mpart01.dat": ((405, 415), "no 400 (MESSAGE: 405)"),
}
"""Where the manifest leaves it open."""


class Open:
    """A door that is open."""

    def admit(self, request: Request, flow: Flow, now: float) -> Admission:
        try:
            return Admission(Verdict.WELCOME, user=request.to.uri.unescaped_user or "nobody")
        except RemoteProtocolError:
            return Admission(Verdict.WELCOME)


def expected(case: Case) -> tuple[tuple[int | str, ...], str]:
    """What is right, and the same in words."""
    if case.path.name in EXPECTED:
        return EXPECTED[case.path.name]
    if case.kind == "response":
        return (SILENCE,), "silence"
    if case.status or case.expect == "reject":
        statuses = case.status or (400,)
        return statuses, " or ".join(map(str, statuses))
    if case.method == "INVITE":
        return (TAKEN,), TAKEN
    return (200, *NOT_FOR_HOW_IT_IS_WRITTEN), "200, or no 400"


def octets(case: Case) -> bytes:
    """The message; the length that one of them states is 17 too large in the RFC itself."""
    message = case.path.read_bytes()
    if case.path.name != "ipv6-in-sdp.sip":
        return message
    end = HEAD_END.search(message)
    assert end is not None
    return message.replace(b"Content-Length: 268", b"Content-Length: %d" % (len(message) - end.end()))


def actual(case: Case) -> int | str:
    """What a server of ours makes of it."""
    rig = Rig(registrar=Registrar(), door=Open())
    rig.receive(octets(case))
    finals = [message.status for message in rig.sent() if isinstance(message, Response) and message.status >= 200]
    finals += [int(response.split()[1]) for response in rig.mirrored]
    calls = [event for event in rig.events() if isinstance(event, IncomingCall)]
    rig.receive(request("OPTIONS", branch="z9hG4bKafter", call_id="after"))
    assert rig.statuses() == [200], "it is dead"
    assert len(finals) + len(calls) <= 1, (finals, calls)
    return finals[0] if finals else TAKEN if calls else SILENCE


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, id=case.path.name) for case in CASES]
    or [pytest.param(None, marks=pytest.mark.skip(reason=ABSENT))],
)
def test_what_is_answered(case: Case, torture_table: list[tuple[str, ...]]) -> None:
    right, words = expected(case)
    got = actual(case)
    torture_table.append((case.collection, case.section, case.path.name, words, str(got)))
    assert got in right
