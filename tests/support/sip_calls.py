"""Calls of one endpoint brought to the point where a test begins: it is called, or it calls."""

from mediaserver.sip.events import Acknowledged, Answered, Event, Flow, IncomingCall
from mediaserver.sip.identity import EndpointSettings
from mediaserver.sip.message import Request, Response
from mediaserver.sip.uri import NameAddr, SipUri
from support.sip_rig import SDP, UDP, Rig, request

TARGET = SipUri.parse("sip:desk@192.0.2.9:5070")
OFFER = SDP + b"a=offer\r\n"
ANSWER = SDP + b"a=ours\r\n"
HOLD = SDP + b"a=sendonly\r\n"


class Callee:
    """An endpoint that is called, and the peer's requests within that call."""

    def __init__(self, *extra: str, settings: EndpointSettings | None = None, body: bytes = SDP) -> None:
        self.rig = Rig(settings)
        self.rig.receive(request(extra=extra, body=body))
        (call,) = self.rig.events()
        assert isinstance(call, IncomingCall)
        self.leg = call.leg
        self.tag = ""
        self.rig.sent()
        self._cseq = 1

    def provisional(self, status: int, body: bytes | None = None) -> Response:
        self.rig.endpoint.provisional(self.leg, status, self.rig.now, body)
        return self._response()

    def answer(self, sdp: bytes = ANSWER) -> Response:
        self.rig.endpoint.answer(self.leg, sdp, self.rig.now)
        return self._response()

    def confirm(self, sdp: bytes = ANSWER) -> "Callee":
        self.answer(sdp)
        self.receive("ACK", cseq=1)
        assert Acknowledged(self.leg, None) in self.rig.events()
        return self

    def receive(self, method: str, *extra: str, cseq: int | None = None, body: bytes | None = b"") -> None:
        """A request of the peer in the dialog, with the next CSeq number unless given one."""
        if cseq is None:
            self._cseq += 1
            cseq = self._cseq
        branch = f"z9hG4bK{method}{cseq}{len(extra)}"
        self.rig.receive(request(method, branch=branch, to_tag=self.tag, cseq=cseq, body=body, extra=extra))

    def prack(self, response: Response, *, body: bytes = b"") -> None:
        self.receive("PRACK", f"RAck: {response.headers.get('RSeq')} 1 INVITE", body=body)

    def answered_with(self) -> Response:
        response = self.rig.sent_one()
        assert isinstance(response, Response)
        return response

    def _response(self) -> Response:
        response = self.answered_with()
        self.tag = response.to.tag or ""
        return response


class Caller:
    """An endpoint that calls, and the peer's responses and requests."""

    def __init__(
        self,
        *,
        settings: EndpointSettings | None = None,
        sdp: bytes | None = OFFER,
        flow: Flow = UDP,
        **how: object,
    ) -> None:
        self.rig = Rig(settings)
        self.flow = flow
        self.leg = self.rig.endpoint.invite(
            target=TARGET,
            flow=flow,
            from_=NameAddr.parse('"Agent" <sip:agent@example.com>'),
            now=self.rig.now,
            sdp=sdp,
            **how,  # type: ignore[arg-type]
        )
        self.invite = self.request()
        self._cseq = 99

    def hear(self, status: int, *extra: tuple[str, str], tag: str = "pt", body: bytes = b"") -> None:
        """A response to the INVITE sent last."""
        self.rig.receive(reply(self.invite, status, tag, body=body, extra=extra), self.flow)

    def hear_reliably(self, status: int, rseq: int, *, tag: str = "pt", body: bytes = b"") -> None:
        self.hear(status, ("Require", "100rel"), ("RSeq", str(rseq)), tag=tag, body=body)

    def connect(self, *extra: tuple[str, str], body: bytes = SDP) -> "Caller":
        self.hear(200, *extra, body=body)
        assert Answered(self.leg, body or None, "pt") in self.rig.events()
        (ack,) = self.requests()
        assert ack.method == "ACK"
        return self

    def receive(self, method: str, *extra: str, tag: str = "pt", body: bytes | None = b"") -> None:
        """A request of the peer in the dialog."""
        self._cseq += 1
        self.rig.receive(
            request(
                method,
                branch=f"z9hG4bK{method}{self._cseq}",
                from_tag=tag,
                to_tag=self.invite.from_.tag,
                call_id=self.invite.call_id,
                cseq=self._cseq,
                body=body,
                extra=extra,
            ),
            self.flow,
        )

    def acknowledge(self) -> None:
        """The peer's ACK to our 2xx to its last re-INVITE."""
        self._cseq -= 1
        self.receive("ACK")

    def request(self) -> Request:
        (message,) = self.requests()
        return message

    def requests(self) -> list[Request]:
        return self.rig.requests()

    def events(self) -> list[Event]:
        return self.rig.events()


def reply(
    to: Request,
    status: int,
    tag: str = "pt",
    *,
    body: bytes = b"",
    contact: str = "<sip:desk@192.0.2.9:5070>",
    extra: tuple[tuple[str, str], ...] = (),
) -> Response:
    response = to.response(status, to_tag=tag)
    if status < 300 and not any(name == "Contact" for name, _ in extra):
        response.headers.add("Contact", contact)
    for name, value in extra:
        response.headers.add(name, value)
    if body:
        response.headers.add("Content-Type", "application/sdp")
    response.body = body
    return response
