"""Challenges of an INVITE of ours: a proxy's, the server's, and those that only say that a nonce is old (22.3)."""

from collections.abc import Iterator

import pytest

from mediaserver.sip.authenticator import DigestAuthenticator, Verdict
from mediaserver.sip.challenge import MOST_ANSWERS
from mediaserver.sip.events import Answered, Event, Refused
from mediaserver.sip.message import Request, Response
from mediaserver.sip.uri import NameAddr, SipUri
from support.sip_rig import SDP, UDP, Rig

USER = ("agent", "secret")
HOME = DigestAuthenticator("home", dict([USER]), b"h")
PROXY = DigestAuthenticator("proxy", dict([USER]), b"p")


class Caller:
    """An endpoint that calls somebody, and every INVITE it has sent."""

    def __init__(self) -> None:
        self.rig = Rig()
        self.leg = self.rig.endpoint.invite(
            target=SipUri.parse("sip:desk@192.0.2.9:5070"),
            flow=UDP,
            from_=NameAddr.parse("<sip:agent@example.com>"),
            now=self.rig.now,
            sdp=SDP,
            credentials=USER,
        )
        self.invites: list[Request] = []
        self.acks = 0
        self._gather()

    def hear(self, response: Response) -> None:
        self.rig.receive(response)
        self._gather()

    def told(self) -> Event:
        (event,) = self.rig.events()
        return event

    def challenged(self, by: DigestAuthenticator, status: int = 401, *, stale: bool = False) -> bool:
        """Whether the challenge led to another INVITE."""
        response = self.invites[-1].response(status, to_tag="pt")
        for challenge in by.challenge(self.rig.now, stale=stale):
            response.headers.add("Proxy-Authenticate" if status == 407 else "WWW-Authenticate", challenge)
        before = len(self.invites)
        self.hear(response)
        return len(self.invites) > before

    def answered(self) -> bool:
        ok = self.invites[-1].response(200, to_tag="pt")
        ok.headers.add("Contact", "<sip:desk@192.0.2.9:5070>")
        ok.body = SDP
        self.hear(ok)
        return self.told() == Answered(self.leg, SDP, "pt")

    def _gather(self) -> None:
        for sent in self.rig.requests():
            self.acks += sent.method == "ACK"
            if sent.method == "INVITE":
                self.invites.append(sent)


def proofs(invite: Request, now: float) -> Iterator[tuple[str, Verdict]]:
    for name, guard in (("Proxy-Authorization", PROXY), ("Authorization", HOME)):
        for credentials in invite.headers.get_all(name):
            yield name, guard.verify("INVITE", credentials, now)


def test_a_proxy_and_then_the_server() -> None:
    caller = Caller()
    assert caller.challenged(PROXY, 407)
    assert caller.challenged(HOME, 401)
    assert [invite.cseq.number for invite in caller.invites] == [1, 2, 3]
    assert len({invite.via.branch for invite in caller.invites}) == 3
    assert dict(proofs(caller.invites[-1], caller.rig.now)) == {
        "Proxy-Authorization": Verdict.OK,
        "Authorization": Verdict.OK,
    }
    assert caller.answered() and caller.acks == 3


def test_both_with_nonces_that_have_grown_old() -> None:
    caller = Caller()
    for guard, status in ((PROXY, 407), (HOME, 401)):
        assert caller.challenged(guard, status)
        assert caller.challenged(guard, status, stale=True)
    assert [invite.cseq.number for invite in caller.invites] == [1, 2, 3, 4, 5]
    assert {verdict for _, verdict in proofs(caller.invites[-1], caller.rig.now)} == {Verdict.OK}
    assert caller.answered()


@pytest.mark.parametrize(("guard", "status"), [(PROXY, 407), (HOME, 401)])
def test_credentials_that_are_refused_are_not_given_again(guard: DigestAuthenticator, status: int) -> None:
    caller = Caller()
    assert caller.challenged(guard, status)
    assert not caller.challenged(guard, status)
    told = caller.told()
    assert isinstance(told, Refused) and told.status == status


def test_a_server_whose_nonces_are_always_stale_is_given_up() -> None:
    caller = Caller()
    while caller.challenged(HOME, stale=True):
        assert len(caller.invites) <= MOST_ANSWERS + 1
    assert len(caller.invites) == caller.acks == MOST_ANSWERS + 1
    assert isinstance(caller.told(), Refused)
    caller.rig.advance(64)
    assert caller.rig.is_empty()
