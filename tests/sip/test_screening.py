"""What is refused by looking at a request alone."""

import pytest

from mediaserver.sip.events import IncomingCall
from mediaserver.sip.message import Response
from support.sip_rig import Rig, request


@pytest.mark.parametrize(
    "accept",
    [None, "application/sdp", "text/plain, application/SDP;level=1", "application/*", "*/*;q=0.1"],
)
def test_who_takes_a_description_for_an_answer_is_heard(accept: str | None) -> None:
    rig = Rig()
    rig.receive(request(extra=[] if accept is None else [f"Accept: {accept}"]))
    assert rig.statuses() == [100]
    assert isinstance(rig.events()[0], IncomingCall)


def test_who_takes_none_is_refused_and_told_what_there_is() -> None:
    rig = Rig()
    rig.receive(request(extra=["Accept: text/plain, application/isup"]))
    refusal = rig.sent_one()
    assert isinstance(refusal, Response)
    assert (refusal.status, refusal.headers.get("Accept")) == (406, "application/sdp")
    assert not rig.events()
