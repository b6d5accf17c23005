import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediaserver.errors import RemoteProtocolError
from mediaserver.sip.uri import NameAddr, SipUri


def test_every_part_of_a_uri() -> None:
    uri = SipUri.parse("SIPS:anna:secret@Example.com:5061;transport=tcp;LR;x=?Subject=hi&Priority=urgent")
    assert (uri.scheme, uri.user, uri.password, uri.host, uri.port) == ("sips", "anna", "secret", "Example.com", 5061)
    assert uri.parameters == {"transport": "tcp", "lr": None, "x": ""}
    assert uri.headers == "Subject=hi&Priority=urgent"
    assert str(uri) == "sips:anna:secret@Example.com:5061;transport=tcp;lr;x=?Subject=hi&Priority=urgent"


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("sip:[2001:db8::10]", "2001:db8::10", None),
        ("sip:[2001:db8::10]:5070", "2001:db8::10", 5070),
        ("sip:[2001:db8::10:5070]", "2001:db8::10:5070", None),
        ("sip:a@[::ffff:192.0.2.1]:1;lr", "::ffff:192.0.2.1", 1),
        ("sip:192.0.2.1:65535", "192.0.2.1", 65535),
        ("sip:a_b.example.com.", "a_b.example.com.", None),
    ],
)
def test_hosts(text: str, host: str, port: int | None) -> None:
    uri = SipUri.parse(text)
    assert (uri.host, uri.port) == (host, port)
    assert str(uri) == text


def test_three_colons_are_read_as_two() -> None:
    assert str(SipUri.parse("sip:u@[2001:db8:::192.0.2.1]")) == "sip:u@[2001:db8::192.0.2.1]"


def test_escapes_that_change_nothing_are_undone_and_the_others_kept() -> None:
    uri = SipUri.parse("sip:%61%40%00b@h;%6C%72;n%61me=v%61lue%25%34%31")
    assert uri.user == "a%40%00b"
    assert uri.unescaped_user == "a@\0b"
    assert uri.parameters == {"lr": None, "name": "value%2541"}
    assert SipUri.parse(str(uri)) == uri
    assert SipUri.parse("sip:%C3%A9t%C3%A9@h").unescaped_user == "été"
    assert SipUri.parse("sip:%FF@h").unescaped_user == "\ufffd"
    assert SipUri.parse("sip:h").unescaped_user is None


def test_equal_uris_hash_alike() -> None:
    one, other = SipUri.parse("sip:%61@h;lr"), SipUri.parse("SIP:a@h;LR")
    assert one == other and hash(one) == hash(other)
    assert one != SipUri.parse("sip:b@h;lr")


@pytest.mark.parametrize(
    "text",
    [
        "", "sip:", "sip", "anna@example.com", "sip:@h", "sip:a@", "sip:a@h:", "sip:a@h:x", "sip:a@h:0",
        "sip:a@h:99999",
        "sip:a@h:" + "9" * 5000, "sip:a b@h", "sip:a@h h", "sip:a@h;", "sip:a@h;;lr", "sip:a@h;=x", "sip:a@h;lr;lr",
        "sip:[::1", "sip:[::1]x", "sip:[fe80::1%eth0]", "sip:[]", "sip:[1.2.3.4]", "sip:::1", "sip:a@h<b", 'sip:"a"@h',
        "sip:a\r\n@h", "sip:%zz@h", "sip:a@h%", "sip:\udcff@h", "sip:a@é", ":a@h", "1sip:a@h",
    ],
)  # fmt: skip
def test_malformed_uris(text: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        SipUri.parse(text)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "text", ["tel:+15550100", "http://example.com/a?b", "urn:service:sos", "soap.beep://192.0.2.1"]
)
def test_other_schemes_are_416_as_a_target_and_fine_as_an_identity(text: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        SipUri.parse(text)
    assert caught.value.status == 416
    uri = SipUri.parse_any(text)
    assert uri.host == "" and str(uri) == text


def test_a_telephone_number_is_the_user() -> None:
    uri = NameAddr.parse('"Anna" <tel:+1-555-0100;phone-context=example.com>;tag=1').uri
    assert (uri.scheme, uri.user, uri.parameters) == ("tel", "+1-555-0100", {"phone-context": "example.com"})


@pytest.mark.parametrize(
    ("text", "display", "uri", "parameters"),
    [
        ("<sip:a@h>", None, "sip:a@h", {}),
        ("  sip:a@h  ;tag=1 ; x", None, "sip:a@h", {"tag": "1", "x": None}),
        ("<sip:a@h;lr>;tag=1", None, "sip:a@h;lr", {"tag": "1"}),
        ("sip:a@h;lr", None, "sip:a@h", {"lr": None}),
        ('"A \\"B\\" \\\\" <sip:a@h>', 'A "B" \\', "sip:a@h", {}),
        ('"<sip:no@x>, ;"<sip:a@h>;q="a;b, >"', "<sip:no@x>, ;", "sip:a@h", {"q": '"a;b, >"'}),
        ("Anna  Bell <sip:a@h>", "Anna  Bell", "sip:a@h", {}),
        ("Zoë<sip:a@h?x=y>", "Zoë", "sip:a@h?x=y", {}),
        ("anna@work <sip:a@h>", "anna@work", "sip:a@h", {}),
    ],
)
def test_name_addr(text: str, display: str | None, uri: str, parameters: dict[str, str | None]) -> None:
    address = NameAddr.parse(text)
    assert (address.display, str(address.uri), address.parameters) == (display, uri, parameters)
    assert NameAddr.parse(str(address)) == address


@pytest.mark.parametrize(
    "text",
    ["", "<>", "<sip:a@h", "sip:a@h>", '"A <sip:a@h>', '"A" sip:a@h', '"A" b <sip:a@h>', "A, B <sip:a@h>",
     "sip:a@h?x=y",
     "<sip:a@h> rubbish", "<sip:a@h>;", "< sip:a@h>", "<<sip:a@h>>", "<sip:a@h>;tag=1;TAG=2", 'A "B" <sip:a@h>',
     "<sip:a@h>;p=\"x"],
)  # fmt: skip
def test_malformed_name_addr(text: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        NameAddr.parse(text)
    assert caught.value.status == 400


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), min_size=1, max_size=30))
def test_any_display_name_survives(display: str) -> None:
    address = NameAddr(display, SipUri.parse("sip:a@h"), {"tag": "x"})
    assert NameAddr.parse(str(address)) == address


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet='sip:@[]?;=%<>"\\ aF4.,', max_size=40))
def test_whatever_parses_is_stable(text: str) -> None:
    for parser in (SipUri.parse_any, NameAddr.parse):
        for candidate in (text, f"sip:{text}", f"<sip:a@h{text}>"):
            try:
                once = parser(candidate)
            except RemoteProtocolError:
                continue
            again = parser(str(once))
            assert str(again) == str(once)
