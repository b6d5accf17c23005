"""What calls know of the phones that are registered."""

from mediaserver.call.phones import RegisteredPhones
from mediaserver.sip.events import Flow
from mediaserver.sip.message import Request
from mediaserver.sip.registrar import Registrar
from support.trunks import asked

FLOW = Flow("tcp", ("198.51.100.7", 4711), ("192.0.2.1", 5060), 3)


def registered(*contacts: str) -> RegisteredPhones:
    registrar = Registrar()
    for number, contact in enumerate(contacts):
        request: Request = asked("REGISTER", To="<sip:alice@example.net>", Contact=contact, Call_ID=str(number))
        assert registrar.register(request, "alice", FLOW, 0.0).status == 200
    return RegisteredPhones(registrar)


def test_each_is_reached_as_it_says_the_most_wanted_first() -> None:
    phones = registered(
        "<sip:alice@10.0.0.1>;q=0.5",
        '<sip:alice@10.0.0.2>;+sip.instance="<urn:uuid:1>";reg-id=1',
        '<sip:alice@10.0.0.3>;+sip.instance="<urn:uuid:1>";reg-id=2',
    )
    found = [(each.contact.host, each.q, each.device) for each in phones.of("alice")]
    assert found == [("10.0.0.3", 1.0, "<urn:uuid:1>"), ("10.0.0.2", 1.0, "<urn:uuid:1>"), ("10.0.0.1", 0.5, None)]
    assert phones.of("bob") == []
