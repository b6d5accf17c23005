"""Which way a call takes, as whom, within which limits; and what is refused, with the setting that would allow it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediaserver.call.policy import Policy
from mediaserver.call.route import RouteRefusedError, Wanted
from mediaserver.call.ways_out import Binding, WaysOut
from mediaserver.config.outbound import EMERGENCY, Outbound
from mediaserver.sip.events import Flow
from mediaserver.sip.uri import NameAddr, SipUri
from support.trunks import OWN, USUAL, Out, trunk

NUMBER = Wanted("+4930555")
DESK = Binding(SipUri.parse("sip:alice@10.0.0.7:4711"), Flow("tcp", ("10.0.0.7", 4711), ("10.0.0.1", 5060), 3))


def refusal(out: Out, wanted: Wanted | str) -> RouteRefusedError:
    with pytest.raises(RouteRefusedError) as caught:
        out.ways.out(Wanted(wanted) if isinstance(wanted, str) else wanted)
    return caught.value


def test_a_number_by_a_trunk() -> None:
    out = Out(
        trunk(user="u1", auth_user="a1", secret="pw", transport="tls", port=5062, headers={"X-Account": "4711"}),
        country_code="49",
    )
    (route,) = out.ways.out(Wanted("030 555", headers={"X-Case": "7"}))
    assert str(route.target) == "sip:+4930555@carrier.example:5062"
    assert str(route.hop) == "sip:carrier.example:5062;transport=tls"
    assert (route.trunk, route.profile, route.credentials) == ("carrier", "carrier", ("a1", "pw"))
    assert str(route.from_) == "<sip:u1@carrier.example:5062>"
    assert dict(route.headers) == {"X-Account": "4711", "X-Case": "7"}


def test_a_trunk_may_be_the_one_to_offer() -> None:
    for late in (False, True):
        (route,) = Out(trunk(late_offer=late)).ways.out(NUMBER)
        assert route.late_offer is late


def test_an_outbound_proxy_comes_first_and_then_what_the_registrar_wants() -> None:
    line = trunk(outbound_proxy="sip:sbc.example;transport=tcp", domain="voip.example")
    line.service_route = (NameAddr.parse("<sip:core.example;lr>"),)
    (route,) = Out(line).ways.out(NUMBER)
    assert [str(each) for each in route.preloaded] == ["<sip:sbc.example;transport=tcp;lr>", "<sip:core.example;lr>"]
    assert str(route.hop) == "sip:sbc.example;transport=tcp"
    assert str(route.target) == "sip:+4930555@voip.example"


@pytest.mark.parametrize(
    ("style", "prefix", "user"),
    [
        ("+e164", "", "+4930555"),
        ("e164", "", "4930555"),
        ("00", "", "004930555"),
        ("national", "", "030555"),
        ("as-dialled", "", "030555"),
        ("national", "0", "0030555"),
    ],
)
def test_numbers_are_written_as_the_trunk_wants_them(style: str, prefix: str, user: str) -> None:
    out = Out(trunk(number_format=style, dial_prefix=prefix), country_code="49")
    assert out.ways.out(Wanted("030-555"))[0].target.user == user


def test_trunks_are_tried_by_prefix_and_priority_and_are_passed_over_when_down() -> None:
    world, second, germany, other = (
        trunk("world"),
        trunk("second", priority=5),
        trunk("germany", destinations=("+49",), priority=9),
        trunk("other", destinations=("+43",)),
    )
    out = Out(other, second, world, germany)
    assert [route.trunk for route in out.ways.out(NUMBER)] == ["germany", "world", "second"]
    for _ in range(3):
        germany.silent()
    assert [route.trunk for route in out.ways.out(NUMBER)] == ["world", "second"]
    germany.answered()
    assert [route.trunk for route in out.ways.out(Wanted("+4930555", trunk="germany"))] == ["germany"]


def test_a_trunk_that_asks_for_patience_gets_it() -> None:
    out = Out(trunk("a"), trunk("b", priority=1))
    routes = out.ways.out(NUMBER)
    out.ways.failed(routes[0], 503, 20)
    assert [route.trunk for route in out.ways.out(NUMBER)] == ["b"]
    out.clock.now += 21
    assert [route.trunk for route in out.ways.out(NUMBER)] == ["a", "b"]
    out.ways.failed(routes[1], 486, 20)
    assert len(out.ways.out(NUMBER)) == 2, "it is the callee who is busy, not the trunk"


def test_a_place_is_taken_once_moves_with_the_call_and_is_given_back() -> None:
    first, second = trunk("a", max_calls=1), trunk("b", priority=1)
    out = Out(first, second)
    routes = out.ways.out(NUMBER)
    assert (first.outgoing, second.outgoing, out.ways.calls) == (1, 0, 1)
    assert [route.trunk for route in out.ways.out(NUMBER)] == ["b"], "the first is full"
    out.ways.failed(routes[0], 408, None)
    assert (first.outgoing, second.outgoing, out.ways.calls) == (0, 2, 2)
    out.ways.over(routes[0])
    out.ways.over(routes[1])
    assert (first.outgoing, second.outgoing, out.ways.calls) == (0, 1, 1)


def test_calls_that_came_by_a_trunk_count_too() -> None:
    out = Out(trunk(max_calls=2), incoming=lambda name: 1)
    out.ways.out(NUMBER)
    refused = refusal(out, NUMBER)
    assert refused.code == "trunk-busy" and "trunks.carrier.max_calls" in str(refused)


def test_limits_of_all_calls() -> None:
    out = Out(trunk(), max_calls=2, max_calls_per_minute=3)
    routes = [out.ways.out(NUMBER)[0] for _ in range(2)]
    assert "outbound.max_calls would" in str(refusal(out, NUMBER))
    out.ways.over(routes[0])
    routes.append(out.ways.out(NUMBER)[0])
    out.ways.over(routes[1])
    refused = refusal(out, NUMBER)
    assert refused.code == "rate-limit" and "outbound.max_calls_per_minute" in str(refused)
    out.clock.now += 60
    out.ways.out(NUMBER)
    assert out.ways.refused == {"rate-limit": 2}


@pytest.mark.parametrize(
    ("wanted", "code", "says"),
    [
        ("+1900555", "forbidden-number", "outbound.allow"),
        ("+49900555", "forbidden-number", "outbound.deny"),
        ("112", "emergency-number", "outbound.emergency"),
        ("sip:112@carrier.example", "emergency-number", "outbound.emergency"),
        ("sip:+1900555@carrier.example", "forbidden-number", "outbound.allow"),
        ("sip:bob@elsewhere.example", "forbidden-number", "outbound.domains"),
        ("sip:reception@carrier.example", "forbidden-number", "outbound.domains"),
        ("sip:bob@pbx.example?Subject=x", "bad-number", "leave them out"),
        ("sip:bob@pbx.example;maddr=192.0.2.66", "bad-number", "leave them out"),
        ("sip:+49900555@pbx.example", "forbidden-number", "outbound.deny"),
        ("sip:112@pbx.example", "emergency-number", "outbound.emergency"),
        ("sip:", "bad-number", "no URI"),
        ("the dentist", "bad-number", "write digits"),
        ("", "bad-number", "give a number"),
        ("5" * 300, "bad-number", "give a number"),
        ("alice", "not-registered", "alice"),
        (Wanted("+4930555", trunk="carier"), "trunk-unknown", "trunks.carier"),
        (Wanted("+4930555", caller="+4930999"), "forbidden-caller", "trunks.carrier.caller_id.numbers"),
        (Wanted("+4930555", headers={"Contact": "<sip:x@y>"}), "bad-header", "Contact"),
        (Wanted("+4930555", headers={"X-A": "b\r\nRoute: <sip:x>"}), "bad-header", "X-A"),
    ],
)
def test_what_is_refused_and_what_would_allow_it(wanted: Wanted | str, code: str, says: str) -> None:
    out = Out(trunk(user="+4930500"), phones={"alice": []}, allow=("+49",), deny=("+49900",), domains=("pbx.example",))
    refused = refusal(out, wanted)
    assert refused.code == code and says in str(refused)
    assert out.ways.calls == 0 and out.ways.refused == {code: 1}


def test_calls_are_off_until_something_is_allowed() -> None:
    assert refusal(Out(trunk(), allow=()), NUMBER).code == "outbound-off"
    assert refusal(Out(trunk(), max_calls=0), NUMBER).code == "outbound-off"
    assert refusal(Out(trunk(host=None, networks=("192.0.2.1",))), NUMBER).code == "trunk-unknown"
    down = trunk()
    for _ in range(3):
        down.silent()
    assert refusal(Out(down), NUMBER).code == "trunk-down"


def test_what_a_trunk_makes_of_a_number_is_no_emergency_number_either() -> None:
    out = Out(trunk(dial_prefix="1", number_format="as-dialled"), allow=("12",))
    assert refusal(out, "12").code == "emergency-number"


def test_a_phone_at_all_its_places_without_a_place_of_the_limits() -> None:
    out = Out(phones={"alice": [DESK, DESK]}, allow=(), max_calls=0)
    routes = out.ways.out(Wanted("sip:alice@203.0.113.7", caller="+4930555", caller_name="Ada"))
    assert [route.flow for route in routes] == [DESK.flow] * 2 and {route.rank for route in routes} == {1.0}
    assert str(routes[0].target) == str(DESK.contact)
    assert str(routes[0].from_) == '"Ada" <sip:+4930555@203.0.113.7>'
    for route in routes:
        out.ways.over(route)


def test_a_uri_at_an_allowed_host() -> None:
    out = Out(trunk("pbx", user="u"), domains=("pbx.example", "free.example"), allow=())
    (direct,) = out.ways.out(Wanted("sip:bob@FREE.example;transport=tcp"))
    assert str(direct.target) == str(direct.hop) == "sip:bob@free.example;transport=tcp" and direct.trunk is None
    (by,) = out.ways.out(Wanted("sip:reception@pbx.example"))
    assert by.trunk == "pbx" and by.target.user == "reception"
    (secure,) = out.ways.out(Wanted("sips:reception@pbx.example"))
    assert (str(secure.target), secure.hop.scheme, by.hop.scheme) == ("sips:reception@pbx.example", "sips", "sip")


def test_a_trunk_that_keeps_us_by_our_connection_is_called_by_it() -> None:
    line = trunk(register=True, user="u", outbound=True)
    out = Out(line)
    line.registered_by = Flow("tls", ("192.0.2.7", 5061), ("10.0.0.1", 5061), 0, "carrier.example", "carrier")
    (usual,) = out.ways.out(Wanted("+4930555"))
    assert (usual.flow, usual.outbound) == (None, False), "the registrar has not said that it does"
    line.outbound = True
    (kept,) = out.ways.out(Wanted("+4930555"))
    assert (kept.flow, kept.outbound) == (line.registered_by, True)


SAYS = {
    "none": (None, {}),
    "asserted": ("P-Asserted-Identity", {"identity": "asserted"}),
    "preferred": ("P-Preferred-Identity", {"identity": "preferred"}),
}


@pytest.mark.parametrize("identity", SAYS)
@pytest.mark.parametrize("private", [False, True])
@pytest.mark.parametrize("from_user", ["caller", "account"])
def test_who_a_call_comes_from(identity: str, private: bool, from_user: str) -> None:
    field, policy = SAYS[identity]
    line = trunk(
        user="acc",
        caller_id={"number": "+49305", "name": "Clinic", "from_user": from_user, "numbers": ("+4930*",), **policy},
    )
    (route,) = Out(line).ways.out(Wanted("+4930555", caller="+4930 77", private=private))
    headers = dict(route.headers)
    shown = '"Clinic" <sip:+493077@carrier.example>'
    if field is not None:
        assert headers[field] == shown
    assert headers.get("Privacy") == ("id" if private else None)
    if private:
        assert str(route.from_) == '"Anonymous" <sip:anonymous@anonymous.invalid>'
    else:
        assert str(route.from_) == (shown if from_user == "caller" else '"Clinic" <sip:acc@carrier.example>')


def test_a_name_cannot_break_out_of_its_field() -> None:
    line = trunk(caller_id={"numbers": ("*",)})
    (route,) = Out(line).ways.out(Wanted("+4930555", caller="x>@y\r\nRoute: z", caller_name='a"\r\nVia: b' + "c" * 200))
    text = str(route.from_)
    assert "\r" not in text and "\n" not in text and len(text) < 200
    assert NameAddr.parse(text).uri.host == "carrier.example"


@given(text=st.text(max_size=40), number=st.sampled_from(EMERGENCY))
def test_nothing_that_is_let_out_is_an_emergency_number(text: str, number: str) -> None:
    out = Out(trunk(), allow=("+", *map(str, range(10))), domains=("free.example",), max_calls=100)
    for spelling in (text, number + text, text + number, f"sip:{text}{number}@free.example"):
        try:
            routes = out.ways.out(Wanted(spelling))
        except RouteRefusedError:
            continue
        for route in routes:
            assert route.target.unescaped_user not in EMERGENCY
            out.ways.over(route)


def test_how_calls_without_a_trunk_are_transferred() -> None:
    assert Out(allow=()).ways.transfer_style(None) == "invite", "there are phones to call"
    assert bare(allow=()).transfer_style(None) == "refer", "nobody may be called but by the peer"
    assert bare(allow=("+49",)).transfer_style(None) == bare(allow=(), domains=("h",)).transfer_style(None) == "invite"


def bare(**outbound: object) -> WaysOut:
    given = Outbound(**outbound)  # type: ignore[arg-type]
    return WaysOut(given, {}, Policy(given, (), {}), USUAL, OWN, lambda: 0.0)


def test_a_redirection_is_gone_to_where_it_points_by_the_same_trunk() -> None:
    out = Out(trunk(transport="tcp", port=5070), domains=("10.0.0.9",))
    wanted = Wanted("sip:desk@10.0.0.9:5090", trunk="carrier")
    (by_hand,) = out.ways.out(wanted)
    assert str(by_hand.hop) == "sip:carrier.example:5070;transport=tcp"
    (route,) = out.ways.out(replace(wanted, redirected=True))
    assert (str(route.hop), route.trunk) == ("sip:10.0.0.9:5090;transport=tcp", "carrier")
    (route,) = out.ways.out(replace(wanted, number="sip:desk@10.0.0.9;transport=udp", redirected=True))
    assert str(route.hop) == "sip:10.0.0.9;transport=udp"
    behind = Out(trunk(outbound_proxy="sip:sbc.example"), domains=("10.0.0.9",))
    (route,) = behind.ways.out(replace(wanted, redirected=True))
    assert str(route.hop) == "sip:sbc.example", "what leaves by a proxy always does"


def test_the_password_of_a_trunk_is_for_no_host_that_a_redirection_points_to() -> None:
    line = trunk(user="u1", secret="pw", domain="voip.example", outbound_proxy="sip:sbc.example")
    line.addresses = frozenset({"192.0.2.3"})
    hosts = ("10.0.0.9", "carrier.example", "VoIP.example", "sbc.example", "192.0.2.3")
    out = Out(line, domains=tuple(map(str.lower, hosts)), max_calls=10)
    given = {}
    for host in hosts:
        (route,) = out.ways.out(Wanted(f"sip:desk@{host}", trunk="carrier", redirected=True))
        given[host] = route.credentials
    assert given == dict.fromkeys(hosts, ("u1", "pw")) | {"10.0.0.9": None}
    (by_hand,) = out.ways.out(Wanted("sip:desk@10.0.0.9", trunk="carrier"))
    assert by_hand.credentials == ("u1", "pw"), "the trunk carries it there, and asks for them"
