"""The registrar as phones see it, over the wire and by its own face."""

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediaserver.sip.authenticator import DigestAuthenticator
from mediaserver.sip.binding import uri_key
from mediaserver.sip.digest import answer
from mediaserver.sip.digest_door import DigestDoor
from mediaserver.sip.events import BindingsChanged, Flow
from mediaserver.sip.message import Request, Response, parse
from mediaserver.sip.registrar import Registrar, RegistrarSettings, Reply
from mediaserver.sip.uri import SipUri
from support.sip_rig import LOCAL, PEER, TCP, UDP, Rig, request

INSTANCE = '+sip.instance="<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>"'


def register(
    *contacts: str,
    user: str = "anna",
    cseq: int = 1,
    call_id: str = "r1",
    extra: Iterable[str] = (),
    via: str | None = None,
    uri: str | None = None,
) -> bytes:
    fields = [*(f"Contact: {contact}" for contact in contacts), *extra]
    return request(
        "REGISTER",
        uri=uri or f"sip:{user}@example.com",
        branch=f"z9hG4bK{call_id}{cseq}",
        call_id=call_id,
        cseq=cseq,
        contact=None,
        extra=fields,
        via=via,
    )


class Desk:
    """A registrar by itself; everybody is who the To says."""

    def __init__(self, **how: object) -> None:
        self.registrar = Registrar(RegistrarSettings(**how))  # type: ignore[arg-type]
        self.now = 1000.0

    def take(self, data: bytes, flow: Flow = UDP, user: str | None = "anna") -> Reply:
        message = parse(data)
        assert isinstance(message, Request)
        reply = self.registrar.register(message, user, flow, self.now)
        assert len(self.registrar) == sum(len(self.registrar.contacts(name)) for name in self.registrar.users)
        return reply

    def listed(self, data: bytes, flow: Flow = UDP) -> list[str]:
        reply = self.take(data, flow)
        assert reply.status == 200, reply
        return [value for name, value in reply.headers if name == "Contact"]

    def at(self, user: str = "anna") -> list[str]:
        return [str(binding.uri) for binding in self.registrar.contacts(user)]

    def advance(self, seconds: float) -> None:
        self.now += seconds
        self.registrar.handle_timer(self.now)


def test_a_binding_from_the_first_register_to_its_end() -> None:
    desk = Desk()
    assert desk.listed(register("<sip:a@192.0.2.9:5070>;expires=100", extra=["User-Agent: Phone/1"])) == [
        "<sip:a@192.0.2.9:5070>;expires=100"
    ]
    (binding,) = desk.registrar.contacts("anna")
    assert (binding.flow, binding.path, binding.expires_at, binding.user_agent) == (UDP, (), 1100.0, "Phone/1")
    assert desk.registrar.changes() == [BindingsChanged("anna", 1, "registered")]
    desk.advance(60)
    assert desk.listed(register(cseq=2)) == ["<sip:a@192.0.2.9:5070>;expires=40"], "a query"
    desk.listed(register("<sip:a@192.0.2.9:5070>;expires=100", cseq=3))
    assert not desk.registrar.changes(), "a refresh is no change"
    assert desk.registrar.next_deadline() == 1160
    desk.advance(100)
    assert desk.at() == [] and desk.registrar.users == [] and desk.registrar.next_deadline() is None
    assert desk.registrar.changes() == [BindingsChanged("anna", 0, "expired")]


def test_several_bindings_by_preference() -> None:
    desk = Desk()
    desk.listed(register("<sip:a@192.0.2.9>;q=0.5, <sip:b@192.0.2.9>;q=0.7", "<sip:c@192.0.2.9>;q=0.25;expires=90"))
    desk.listed(register("<sip:d@192.0.2.10>;q=nonsense", call_id="r2"))
    assert desk.at() == ["sip:d@192.0.2.10", "sip:b@192.0.2.9", "sip:a@192.0.2.9", "sip:c@192.0.2.9"]
    assert desk.listed(register("<sip:b@192.0.2.9>;expires=0", cseq=2)) == [
        "<sip:d@192.0.2.10>;expires=3600",
        "<sip:a@192.0.2.9>;expires=3600;q=0.5",
        "<sip:c@192.0.2.9>;expires=90;q=0.25",
    ]
    assert [change.why for change in desk.registrar.changes()] == ["registered", "registered", "unregistered"]


@pytest.mark.parametrize(
    ("contact", "extra", "seconds"),
    [
        ("<sip:a@h>", [], 3600),
        ("<sip:a@h>", ["Expires: 300"], 300),
        ("<sip:a@h>;expires=200", ["Expires: 300"], 200),
        ("<sip:a@h>", ["Expires: soon"], 3600),
        ("<sip:a@h>;expires=soon", ["Expires: 300"], 3600),
        ("<sip:a@h>;expires", ["Expires: 300"], 3600),
        ("<sip:a@h>;expires=99999999999999", [], 7200),
        ("<sip:a@h>;expires=60", [], 60),
    ],
)
def test_how_long_a_binding_lasts(contact: str, extra: list[str], seconds: int) -> None:
    assert Desk().listed(register(contact, extra=extra)) == [f"<sip:a@h>;expires={seconds}"]


def test_too_brief_an_interval_is_423_and_changes_nothing() -> None:
    desk = Desk(least_expires=120)
    reply = desk.take(register("<sip:a@192.0.2.9>;expires=200, <sip:b@192.0.2.9>;expires=119"))
    assert (reply.status, reply.headers) == (423, [("Min-Expires", "120")])
    assert desk.at() == [] and not desk.registrar.changes(), "all or nothing"
    assert desk.take(register("<sip:b@192.0.2.9>;expires=0", cseq=2)).status == 200, "0 is never too brief"
    strict = Desk(least_expires=7200)
    assert strict.take(register("<sip:a@192.0.2.9>;expires=3600")).status == 200, "an hour is never refused (10.3)"


def test_everything_removed_by_one_star() -> None:
    desk = Desk()
    desk.listed(register("<sip:a@192.0.2.9>", "<sip:b@192.0.2.9>"))
    for contacts, extra in (
        (["*"], []),
        (["*"], ["Expires: 1"]),
        (["*", "<sip:a@192.0.2.9>"], ["Expires: 0"]),
        (["*", "*"], ["Expires: 0"]),
    ):
        assert desk.take(register(*contacts, cseq=2, extra=extra)).status == 400
    assert len(desk.at()) == 2
    assert desk.take(register("*", cseq=1, extra=["Expires: 0"])).status == 500, "the CSeq is not higher"
    assert len(desk.at()) == 2
    assert desk.listed(register("*", cseq=2, extra=["Expires: 0"])) == []
    assert desk.at() == []


def test_a_register_that_comes_late_is_refused() -> None:
    desk = Desk()
    desk.listed(register("<sip:a@192.0.2.9>", cseq=5))
    for cseq in (4, 5):
        assert desk.take(register("<sip:b@192.0.2.9>, <sip:a@192.0.2.9>;expires=0", cseq=cseq)).status == 500
    assert desk.at() == ["sip:a@192.0.2.9"]
    desk.listed(register("<sip:a@192.0.2.9>;expires=0", cseq=1, call_id="restarted"))
    assert desk.at() == []


def test_nobody_registers_another() -> None:
    desk = Desk()
    data = register("<sip:a@192.0.2.9>")
    assert desk.take(data, user="bert").status == 403
    assert desk.take(data, user=None).status == 403
    assert desk.take(data, user="Anna").status == 403, "users are told apart by case"
    assert desk.take(register("<sip:a@192.0.2.9>", user="%61nna")).status == 200, "an escape is the character"
    of_domain = Desk(domains=("example.com",))
    assert of_domain.take(data).status == 200
    assert of_domain.take(register("<sip:a@h>", uri="sip:anna@example.org")).status == 404


def test_contacts_that_make_no_sense() -> None:
    desk = Desk()
    assert desk.take(register("<mailto:anna@example.com>")).status == 400
    assert desk.take(register("<tel:+1555>")).status == 400
    assert desk.take(register("<sip:a@h>", extra=["Path: <sip:p"])).status == 400
    assert desk.take(register("<sip:a@h>;reg-id=1, <sip:b@h>")).status == 400
    assert desk.at() == []


def test_a_sips_contact_has_to_come_by_tls() -> None:
    desk, tls = Desk(), Flow("tls", PEER, LOCAL, 7)
    assert desk.take(register("<sips:anna@192.0.2.9>")).status == 400
    assert desk.take(register("<sips:anna@192.0.2.9>"), tls).status == 200


def test_which_uris_are_the_same_contact() -> None:
    same = [
        ("sip:%61nna@Example.COM", "sip:anna@example.com"),
        ("sip:a@h;transport=TCP;ob", "sip:a@h;ob;transport=tcp"),
    ]
    other = [
        ("sip:a@h", "sip:A@h"),
        ("sip:a@h", "sip:a@h:5060"),
        ("sip:a@h", "sips:a@h"),
        ("sip:a@h", "sip:a@h;transport=tcp"),
        ("sip:a@h;line=1", "sip:a@h;line=2"),
    ]
    for one, two in same:
        assert uri_key(SipUri.parse(one)) == uri_key(SipUri.parse(two))
    for one, two in other:
        assert uri_key(SipUri.parse(one)) != uri_key(SipUri.parse(two))


def test_a_device_that_restarts_takes_its_old_place() -> None:
    desk = Desk()
    desk.listed(register(f"<sip:a@192.0.2.9:1111>;{INSTANCE}"))
    desk.listed(register("<sip:other@192.0.2.8>", call_id="r2"))
    listed = desk.listed(register(f"<sip:a@192.0.2.9:2222>;{INSTANCE}", call_id="r3"))
    assert desk.at() == ["sip:a@192.0.2.9:2222", "sip:other@192.0.2.8"]
    assert listed[0] == f"<sip:a@192.0.2.9:2222>;expires=3600;{INSTANCE}"
    desk.listed(register(f"<sip:a@192.0.2.9:3333>;{INSTANCE}", call_id="r3", cseq=2))
    assert len(desk.at()) == 3, "two addresses of one device at a time are two bindings"


def test_outbound_binds_to_the_connection() -> None:
    desk = Desk(flow_timer=120)
    second = Flow("tcp", PEER, LOCAL, 8)
    extra = ["Supported: path, outbound"]
    reply = desk.take(register(f"<sip:a@10.0.0.1>;{INSTANCE};reg-id=1", extra=extra), TCP)
    assert ("Require", "outbound") in reply.headers and ("Flow-Timer", "120") in reply.headers
    desk.take(register(f"<sip:a@10.0.0.1>;{INSTANCE};reg-id=2", call_id="r2", extra=extra), second)
    assert [binding.flow for binding in desk.registrar.contacts("anna")] == [second, TCP]
    again = Flow("tcp", PEER, LOCAL, 9)
    desk.take(register(f"<sip:a@10.0.0.2>;{INSTANCE};reg-id=1", call_id="r3", extra=extra), again)
    assert {binding.flow for binding in desk.registrar.contacts("anna")} == {second, again}
    assert not desk.registrar.uses(TCP) and desk.registrar.uses(again)
    desk.registrar.flow_closed(again)
    assert [binding.flow for binding in desk.registrar.contacts("anna")] == [second]
    assert desk.registrar.changes()[-1] == BindingsChanged("anna", 1, "connection closed")
    desk.registrar.flow_closed(again)
    assert not desk.registrar.changes()


def test_a_proxy_that_cannot_keep_the_flow_is_439() -> None:
    desk = Desk()
    two = ["Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKp", "Supported: path, outbound"]
    contact = f"<sip:a@10.0.0.1>;{INSTANCE};reg-id=1"
    assert desk.take(register(contact, extra=two)).status == 439
    assert desk.take(register(contact, extra=[*two, "Path: <sip:edge.example.com;lr>"])).status == 439
    reply = desk.take(register(contact, extra=[*two, "Path: <sip:in;lr>, <sip:token@edge.example.com;lr;ob>"]))
    assert reply.status == 200 and [value for name, value in reply.headers if name == "Path"] == [
        "<sip:in;lr>",
        "<sip:token@edge.example.com;lr;ob>",
    ]
    assert desk.registrar.contacts("anna")[0].path == ("<sip:in;lr>", "<sip:token@edge.example.com;lr;ob>")


NAT = Flow("udp", ("203.0.113.7", 40000), LOCAL)


@pytest.mark.parametrize(
    ("via", "contact", "flow", "called_at"),
    [
        ("192.0.2.9:5070", "192.0.2.9:5070", UDP, ("192.0.2.9", 5070)),
        ("192.0.2.9:5070", "192.0.2.9:5072", UDP, ("192.0.2.9", 5072)),
        ("192.0.2.9:5070", "192.0.2.9", UDP, ("192.0.2.9", 5060)),
        ("192.0.2.9:5070", "198.51.100.1:5070", UDP, ("192.0.2.9", 5070)),
        ("192.0.2.9:5070", "phone.example.com", UDP, ("192.0.2.9", 5070)),
        ("10.0.0.5:5060", "10.0.0.5:5060", NAT, ("203.0.113.7", 40000)),
        ("203.0.113.7:5060", "203.0.113.7:5060", NAT, ("203.0.113.7", 40000)),
    ],
)
def test_where_a_phone_is_called(via: str, contact: str, flow: Flow, called_at: tuple[str, int]) -> None:
    desk = Desk()
    desk.listed(register(f"<sip:a@{contact}>", via=f"Via: SIP/2.0/UDP {via};branch=z9hG4bKv;rport"), flow)
    (binding,) = desk.registrar.contacts("anna")
    assert binding.flow.remote == called_at
    assert str(binding.uri) == f"sip:a@{contact}", "its own Contact is the Request-URI"


def test_limits() -> None:
    desk = Desk(bindings_per_user=3, bindings=5)
    for number in range(5):
        desk.listed(register(f"<sip:a@192.0.2.{number}>", call_id=f"r{number}"))
    assert desk.at() == ["sip:a@192.0.2.4", "sip:a@192.0.2.3", "sip:a@192.0.2.2"]
    for number in range(3):
        reply = desk.take(register(f"<sip:b@192.0.2.{number}>", user="bert", call_id=f"b{number}"), user="bert")
        assert reply.status == (200 if number < 2 else 503)
    assert len(desk.registrar) == 5
    assert desk.take(register("<sip:b@192.0.2.0>;expires=500", user="bert", call_id="bb"), user="bert").status == 200


CONTACTS = ["<sip:a@192.0.2.1>", "<sip:b@192.0.2.2>;q=0.1", f"<sip:c@192.0.2.3>;{INSTANCE}", "<sip:d@h>;reg-id=1"]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_whatever_phones_do_the_books_are_right(data: st.DataObject) -> None:
    desk = Desk(bindings_per_user=3, bindings=6)
    flows = [UDP, TCP, Flow("tcp", PEER, LOCAL, 8)]
    for _ in range(data.draw(st.integers(1, 12))):
        user = data.draw(st.sampled_from(["anna", "bert", "carl"]))
        contacts = data.draw(st.lists(st.sampled_from([*CONTACTS, "*"]), max_size=3))
        extra = [f"Expires: {data.draw(st.sampled_from([0, 61, 90, 7000]))}"]
        call_id, cseq = data.draw(st.sampled_from(["x", "y"])), data.draw(st.integers(1, 9))
        flow = data.draw(st.sampled_from(flows))
        desk.take(register(*contacts, user=user, call_id=call_id, cseq=cseq, extra=extra), flow, user)
        desk.advance(data.draw(st.sampled_from([0, 30, 65])))
        if data.draw(st.booleans()):
            desk.registrar.flow_closed(data.draw(st.sampled_from(flows)))
        bindings = [binding for name in desk.registrar.users for binding in desk.registrar.contacts(name)]
        assert len(bindings) == len(desk.registrar) <= 6
        assert all(binding.expires_at > desk.now for binding in bindings)
        assert {binding.flow for binding in bindings if binding.flow.reliable} == set(desk.registrar._by_connection)
        earliest = min((binding.expires_at for binding in bindings), default=None)
        assert desk.registrar.next_deadline() == earliest
    desk.advance(7200)
    assert not desk.registrar.users and not desk.registrar._by_connection and desk.registrar.next_deadline() is None


# Through the endpoint


def guarded() -> tuple[Rig, Registrar]:
    guard = DigestAuthenticator("example.com", {"anna": "secret", "bert": "geheim"}, b"key")
    registrar = Registrar()
    return Rig(door=DigestDoor(authenticator=guard), registrar=registrar), registrar


def authorized(rig: Rig, user: str, password: str, *contacts: str, cseq: int = 1, flow: Flow = UDP, to: str = "anna"):
    rig.receive(register(*contacts, user=to, cseq=cseq, call_id=user), flow)
    (asked,) = rig.sent()
    assert isinstance(asked, Response) and asked.status == 401
    value = answer(
        asked.headers.get_all("WWW-Authenticate")[0], "REGISTER", f"sip:{to}@example.com", user, password, "c", 1
    )
    data = register(*contacts, user=to, cseq=cseq + 1, call_id=user, extra=[f"Authorization: {value}"])
    rig.receive(data, flow)
    (answered,) = rig.sent()
    assert isinstance(answered, Response)
    return answered, data


def test_a_phone_registers_with_its_password() -> None:
    rig, registrar = guarded()
    answered, data = authorized(rig, "anna", "secret", "<sip:anna@192.0.2.9:5070>;expires=100")
    assert answered.status == 200 and answered.to.tag
    assert answered.headers.get_all("Contact") == ["<sip:anna@192.0.2.9:5070>;expires=100"]
    assert rig.events() == [BindingsChanged("anna", 1, "registered")]
    rig.receive(data)
    assert rig.statuses() == [200] and not rig.events(), "the same again is answered again, and is no replay"
    rig.advance(101)
    assert rig.events() == [BindingsChanged("anna", 0, "expired")]
    assert not registrar.users and rig.is_empty()


def test_a_phone_does_not_register_for_another_nor_with_a_wrong_password() -> None:
    rig, registrar = guarded()
    answered, _ = authorized(rig, "bert", "geheim", "<sip:bert@192.0.2.9>", to="anna")
    assert answered.status == 403
    answered, _ = authorized(rig, "anna", "geheim", "<sip:anna@192.0.2.9>")
    assert answered.status == 401
    assert not registrar.users and not rig.events()


def test_the_connection_of_a_phone_is_kept_and_its_end_told() -> None:
    rig, _ = guarded()
    assert not rig.endpoint.needs(TCP)
    authorized(rig, "anna", "secret", "<sip:anna@192.0.2.9;transport=tcp>", flow=TCP)
    assert rig.endpoint.needs(TCP)
    rig.events()
    rig.endpoint.flow_closed(TCP, "reset", rig.now)
    assert rig.events() == [BindingsChanged("anna", 0, "connection closed")]
    assert not rig.endpoint.needs(TCP)


def test_require_of_what_a_registrar_knows_and_does_not() -> None:
    rig, _ = guarded()
    rig.receive(register("<sip:anna@192.0.2.9>", extra=["Require: path, gruu"]))
    assert rig.statuses() == [401]
    open_rig = Rig(registrar=Registrar())
    open_rig.receive(register("<sip:anna@192.0.2.9>", extra=["Require: path, gruu"]))
    (response,) = open_rig.sent()
    assert isinstance(response, Response) and response.headers.get("Unsupported") == "gruu"
    open_rig.receive(register("<sip:anna@192.0.2.9>", extra=["Require: path"]))
    assert open_rig.statuses() == [403], "nobody is registered who has not proved himself"


def test_without_a_registrar_there_is_no_register() -> None:
    rig = Rig()
    rig.receive(register("<sip:anna@192.0.2.9>"))
    assert rig.statuses() == [405]


@pytest.mark.parametrize("now", [0.0, 0.1, 451.7194157802962, 1017.834439738432, 16270.406579896064])
def test_no_more_is_granted_than_was_asked_for(now: float) -> None:
    desk = Desk()
    desk.now = now
    contact = "<sip:a@192.0.2.9:5070>;expires=120"
    assert desk.listed(register(contact)) == [contact]
    desk.now += 0.4
    assert desk.listed(register(cseq=2)) == ["<sip:a@192.0.2.9:5070>;expires=119"]
