"""A registration of ours with a registrar that says anything."""

from itertools import count

from fuzz import sip_wire
from fuzz.choices import Choices
from mediaserver.errors import RemoteProtocolError
from mediaserver.sip.headers import Headers
from mediaserver.sip.message import Request, Response, parse
from mediaserver.sip.registration import Registration
from mediaserver.sip.registration_state import Register, RegistrationSettings, Status
from mediaserver.sip.uri import NameAddr, SipUri

_ACCOUNT = NameAddr(None, SipUri("sip", "agent", "example.com"))
_REGISTRAR = SipUri("sip", None, "example.com")
_TIMES = (0.0, 0.5, 33.0, 500.0, 4000.0)
_MOST_ROUNDS = 200


def _settings(choices: Choices) -> RegistrationSettings:
    instance = choices.pick((None, "urn:uuid:1"))
    return RegistrationSettings(
        _ACCOUNT, _REGISTRAR, expires=choices.pick((600, 60)), instance=instance, reg_id=choices.pick((None, 1)), q=0.5
    )


class _Registering:
    def __init__(self, choices: Choices) -> None:
        numbers = count(1)
        self.registration = Registration(_settings(choices), token=lambda: f"r{next(numbers)}", chance=lambda: 0.5)
        self.now = 100.0
        self.asked: list[Register] = []
        self.contact = ""

    def act(self) -> None:
        """What its owner does after every call."""
        for register in self.registration.actions():
            if register.contact:
                self.contact = self.registration.contact("<sip:agent@192.0.2.1:5060>")
                assert NameAddr.parse(self.contact).uri.host == "192.0.2.1"
            self.asked.append(register)
        assert len(self.asked) <= 1, "the next REGISTER waits for the reply to the last"

    def reply(self, status: int, response: Response | None) -> None:
        """The REGISTER under way has ended."""
        if self.asked:
            self.asked.clear()
            self.registration.replied(status, "so", response, self.now)
            self.act()

    def pass_time(self, seconds: float) -> None:
        """What is due is done; what is asked for meanwhile is not answered."""
        until = self.now + seconds
        for _ in range(_MOST_ROUNDS):
            deadline = self.registration.next_deadline()
            if deadline is None or deadline > until:
                self.now = until
                return
            self.now = max(self.now, deadline)
            self.registration.handle_timer(self.now)
            self.act()
            after = self.registration.next_deadline()
            assert after is None or after > self.now, "what is due is not done: a server would spin"
            self.reply(408, None)
        raise AssertionError(f"{_MOST_ROUNDS} deadlines in {seconds} s")


def _response(one: _Registering, choices: Choices) -> Response | None:
    headers = Headers([("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKr;rport=1;received=192.0.2.7")])
    headers.add("From", "<sip:agent@example.com>;tag=1")
    headers.add("To", "<sip:agent@example.com>;tag=2")
    headers.add("Call-ID", "r1")
    headers.add("CSeq", f"{one.asked[0].cseq} REGISTER")
    response = Request("REGISTER", _REGISTRAR, headers).response(choices.pick((200, *sip_wire.STATUSES)))
    if one.contact and choices.below(4):
        response.headers.add("Contact", one.contact)
    for _ in range(choices.below(4)):
        name, _, value = choices.pick(sip_wire.HEADERS).partition(":")
        response.headers.add(name, value)
    try:
        parsed = parse(bytes(response))
    except RemoteProtocolError:
        return None
    assert isinstance(parsed, Response)
    return parsed


def life(choices: Choices) -> None:
    """It is asked to do this and that, and in the end to leave."""
    one = _Registering(choices)
    registration = one.registration
    for _ in range(choices.below(16)):
        match choices.below(8):
            case 0 | 1:
                registration.start(one.now)
            case 2:
                registration.flow_failed(one.now)
            case 3:
                registration.refresh(one.now)
            case 4:
                registration.query(one.now)
            case 5:
                registration.stop(one.now)
            case _:
                response = _response(one, choices) if one.asked else None
                if response is not None:
                    one.reply(response.status, response)
        one.act()
        one.pass_time(choices.pick(_TIMES))
    registration.stop(one.now)
    one.act()
    one.reply(408, None)
    one.reply(408, None)
    one.pass_time(10_000.0)
    assert registration.state.status in (Status.IDLE, Status.STOPPED), registration.state
    assert registration.next_deadline() is None
