"""Our own odd and broken SIP messages, each made of one sound request with the lines in question changed."""

from collections.abc import Mapping
from dataclasses import dataclass

SOUND: Mapping[str, str] = {
    "Via": "SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bKab12",
    "Max-Forwards": "70",
    "From": "<sip:anna@example.com>;tag=a1",
    "To": "<sip:desk@example.net>",
    "Call-ID": "c1@198.51.100.7",
    "CSeq": "17 OPTIONS",
    "Content-Length": "0",
}


def request(
    changes: Mapping[str, str | None] | None = None,
    *,
    line: str = "OPTIONS sip:desk@example.net SIP/2.0",
    extra: str = "",
    body: bytes = b"",
) -> bytes:
    """A request: `changes` replaces values (None: leaves the field out), `extra` is raw lines added at the end."""
    fields = {**SOUND, "Content-Length": str(len(body)), **(changes or {})}
    lines = [line, *(f"{name}: {value}" for name, value in fields.items() if value is not None)]
    return ("\r\n".join(lines) + "\r\n" + extra + "\r\n").encode("utf-8", "surrogateescape") + body


def response(line: str = "SIP/2.0 200 OK", changes: Mapping[str, str | None] | None = None) -> bytes:
    """A response with the same fields."""
    return request({"Max-Forwards": None, **(changes or {})}, line=line)


ODD_BUT_VALID: Mapping[str, bytes] = {
    "white space everywhere": (
        b"OPTIONS sip:desk@example.net;weird SIP/2.0\r\nTO :\r\n sip:desk@example.net ;\t tag   = 77\r\n"
        b'from  : "Anna \\\\\\""     <sip:anna@example.com>\r\n  ;\r\n tag = 9\r\nmax-FORWARDS:  0042 \r\n'
        b"Call-ID: odd1\r\ncseq: 0009\r\n  OPTIONS\r\nVia :  SIP /  2.0\r\n /UDP\r\n  198.51.100.7 : 5070;branch=b1\r\n"
        b"v: SIP / 2.0 / TCP   x.example.com  ;\r\n  branch =  z9hG4bKx , SIP/2.0/UDP 10.0.0.1;branch=\r\n z9hG4bKy\r\n"
        b"l : 0\r\n\r\n"
    ),
    "compact forms": (
        b"OPTIONS sip:desk@example.net SIP/2.0\r\nv:SIP/2.0/UDP h;branch=z9hG4bK1\r\nf:sip:a@h;tag=1\r\n"
        b"t:sip:b@h\r\ni:x\r\nCSeq:1 OPTIONS\r\nm:<sip:a@h>\r\nk:100rel , timer\r\ns:\r\nl:0\r\n\r\n"
    ),
    "characters of a token": request(
        {"CSeq": "1 !n-T0_*+`.%x'~"}, line="!n-T0_*+`.%x'~ sip:1_odd.U~(be!)&it$/c?,/;;*:&x=1!@example.com SIP/2.0"
    ),
    "UTF-8 and quoted controls": request({"From": '"Zoë \\\x00 \\\x07" <sip:z@example.com>;p="Ж";tag=1'}),
    "bytes that are not UTF-8": request({"From": '"Zo\udceb" <sip:z@example.com>;tag=1', "Subject": "\udcff\udcfe"}),
    "escapes": request({"To": "<sip:%64esk@example.net;%6C%72;n=v%2541>"}, line="OPTIONS sip:sip%3Aa%40b@h SIP/2.0"),
    "escaped null": request({"To": "<sip:null-%00-x@example.net>"}),
    "percent sign in display name and method": request(
        {"To": '"%Z%45" <sip:d@h>', "CSeq": "1 OP%54IONS"}, line="OP%54IONS sip:d@h SIP/2.0"
    ),
    "no space before <": request({"From": "anna<sip:anna@example.com>;tag=1"}),
    "comma and <> in quotes": request({"Contact": '"A, <B>" <sip:a@h>;q=0.5, "C \\", D" <sip:c,d@h>'}),
    "long values": request({"Call-ID": "c" * 4000, "X-Long-" + "n" * 500: "v" * 8000}),
    "folded, over many lines": request(extra="Supported: 100rel,\r\n\ttimer,\r\n   replaces\r\n"),
    "empty header": request({"Subject": "", "Supported": ""}),
    "separators in an unknown header": request({"X-Odd": ";;,,;;,;"}),
    "semicolon in the user": request(line="OPTIONS sip:u;par=x%40y@example.com SIP/2.0"),
    "unknown transports": request(extra="Via: SIP/2.0/SCTP a;branch=z9hG4bK2\r\nVia: SIP/2.0/NOVEL b\r\n"),
    "no branch, no tag, no Max-Forwards, no length": request(
        {"Via": "SIP/2.0/UDP h", "From": "sip:a@h", "Max-Forwards": None, "Content-Length": None}
    ),
    "octets after the body": request({"Content-Length": "4"}, body=b"abcdINVITE sip:x SIP/2.0\r\n\r\n"),
    "binary body": request({"Content-Type": "application/octet-stream"}, body=bytes(range(256))),
    "the same length twice": request(extra="l: 0\r\n"),
    "other schemes in From and To": request({"From": "<tel:+15550100;phone-context=x>;tag=1", "To": "isbn:2983792873"}),
    "IPv6": request(
        {"Via": "SIP/2.0/UDP [2001:db8::9]:5070;received=2001:db8::1;branch=z9hG4bK6"},
        line="OPTIONS sip:d@[2001:db8::10:5070] SIP/2.0",
    ),
    "IPv6 with brackets in received": request({"Via": "SIP/2.0/UDP [2001:db8::9];received=[2001:db8::1]"}),
    "IPv6 with three colons": request(line="OPTIONS sip:d@[2001:db8:::192.0.2.1] SIP/2.0"),
    "line feeds alone": request().replace(b"\r\n", b"\n"),
    "line breaks first": b"\r\n\r\n" + request(),
    "version in lower case": request(line="OPTIONS sip:desk@example.net sip/2.0"),
    "Contact: *": request({"Contact": "*", "Expires": "0"}),
    "reason in UTF-8": response("SIP/2.0 200 = 2**3 * 5**2 да"),
    "empty reason": response("SIP/2.0 100 "),
    "no space after the status": response("SIP/2.0 180"),
}

REFUSED: Mapping[str, tuple[bytes, int]] = {
    "empty parameters in Via": (request({"Via": "SIP/2.0/UDP 198.51.100.7;;,;,,"}), 400),
    "empty parameters in Contact": (request({"Contact": '"A" <sip:a@h>;;;;'}), 400),
    "empty element in Contact": (request({"Contact": "<sip:a@h>,,<sip:b@h>"}), 400),
    "body too short": (request({"Content-Length": "99"}, body=b"v=0\r\n"), 400),
    "negative length": (request({"Content-Length": "-9"}), 400),
    "length that is no number": (request({"Content-Length": "٣"}), 400),
    "two lengths": (request(extra="l: 5\r\n", body=b"hello!!!"), 400),
    "huge length": (request({"Content-Length": "9" * 5000}), 400),
    "length above our limit": (request({"Content-Length": "1000000"}), 513),
    "overflowing CSeq": (request({"CSeq": "2147483648 OPTIONS"}), 400),
    "huge CSeq": (request({"CSeq": "9" * 5000 + " OPTIONS"}), 400),
    "CSeq of another method": (request({"CSeq": "17 INVITE"}), 400),
    "CSeq without method": (request({"CSeq": "17"}), 400),
    "Max-Forwards too large": (request({"Max-Forwards": "300"}), 400),
    "Max-Forwards twice": (request(extra="Max-Forwards: 5\r\n"), 400),
    "unterminated quote": (request({"To": '"Mr. X <sip:x@h>'}), 400),
    "display name with a comma": (request({"From": "Bell, A <sip:a@h>;tag=1"}), 400),
    "unclosed <": (request({"To": "<sip:x@h"}), 400),
    "blanks within <>": (request({"To": "< sip:x@h >"}), 400),
    "<> around the Request-URI": (request(line="OPTIONS <sip:x@h> SIP/2.0"), 400),
    "blank in the Request-URI": (request(line="OPTIONS sip:x@h; lr SIP/2.0"), 400),
    "two blanks in the request line": (request(line="OPTIONS  sip:x@h  SIP/2.0"), 400),
    "blanks after the request line": (request(line="OPTIONS sip:x@h SIP/2.0  "), 400),
    "header fields in the Request-URI": (request(line="OPTIONS sip:x@h?Route=%3Csip:e%3E SIP/2.0"), 400),
    "Date not in GMT": (request({"Date": "Fri, 01 Jan 2010 16:00:00 EST"}), 400),
    "Contact with ? but no <>": (request({"Contact": "sip:x@h?Route=%3Csip:e%3E"}), 400),
    "no empty line": (request()[:-2], 400),
    "cut in mid-header": (request()[:-20], 400),
    "other version": (request(line="OPTIONS sip:x@h SIP/7.0"), 505),
    "no From, To, Call-ID": (request({"From": None, "To": None, "Call-ID": None}), 400),
    "no CSeq": (request({"CSeq": None}), 400),
    "empty Call-ID": (request({"Call-ID": ""}), 400),
    "two of each": (request(extra="CSeq: 18 OPTIONS\r\nCall-ID: c2\r\nTo: <sip:y@h>\r\nFrom: <sip:z@h>\r\n"), 400),
    "unknown scheme": (request(line="OPTIONS nobodyknows:whatever SIP/2.0"), 416),
    "atypical scheme": (request(line="OPTIONS soap.beep://192.0.2.1:3002 SIP/2.0"), 416),
    "tel URI": (request(line="OPTIONS tel:+15550100 SIP/2.0"), 416),
    "IPv6 without brackets": (request(line="OPTIONS sip:2001:db8::10 SIP/2.0"), 400),
    "IPv6 that is none": (request(line="OPTIONS sip:[2001:db8::g] SIP/2.0"), 400),
    "port out of range": (request(line="OPTIONS sip:x@h:65536 SIP/2.0"), 400),
    "port 0": (request(line="OPTIONS sip:x@h:0 SIP/2.0"), 400),
    "escape that is none": (request(line="OPTIONS sip:%Zx@h SIP/2.0"), 400),
    "line without colon": (request(extra="Foobar roobar\r\n"), 400),
    "header name with a blank": (request(extra="Foo bar: x\r\n"), 400),
    "carriage return in a value": (request(extra="Foo: a\rb\r\n"), 400),
    "tag given twice": (request({"From": "<sip:a@h>;tag=1;Tag=2"}), 400),
    "malformed Route": (request({"Route": "<sip:a@h>, nonsense"}), 400),
    "too many fields": (request(extra="X: y\r\n" * 200), 400),
    "too many Via values in few fields": (request(extra="Via: " + ",".join(["SIP/2.0/UDP h"] * 300) + "\r\n"), 400),
    "a field too long": (request({"X": "y" * 9000}), 400),
    "a request line too long": (request(line="OPTIONS sip:" + "x" * 9000 + "@h SIP/2.0"), 414),
    "a message too large": (request({"Content-Length": None}, body=b"x" * 65535), 513),
}

DROPPED: Mapping[str, bytes] = {
    "nothing": b"",
    "line breaks": b"\r\n\r\n",
    "four nulls": b"\0\0\0\0",
    "a STUN request": bytes.fromhex("000100002112a442") + bytes(12),
    "HTTP": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "no version": b"INVITE sip:x@h\r\nVia: SIP/2.0/UDP h\r\n\r\n",
    "no Via": request({"Via": None}),
    "a Via that leads nowhere": request({"Via": "SIP/2.0/UDP"}),
    "a Via with port 0": request({"Via": "SIP/2.0/UDP h:0"}),
    "a malformed ACK": request({"CSeq": "17 BYE"}, line="ACK sip:x@h SIP/2.0"),
    "an overlarge status": response("SIP/2.0 4294967301 better not"),
    "a status of 0": response("SIP/2.0 099 low"),
    "a status of 700": response("SIP/2.0 700 high"),
    "a response with an overlarge CSeq": response(changes={"CSeq": "9292394834772304023312 OPTIONS"}),
    "a response of another version": response("SIP/3.0 200 OK"),
    "a response without To": response(changes={"To": None}),
    "a response cut short": response(changes={"Content-Length": "10"}),
}


@dataclass(frozen=True, slots=True)
class Vector:
    """One of the messages above, by its name."""

    name: str
    octets: bytes


EVERY = [
    *(Vector(name, octets) for name, octets in ODD_BUT_VALID.items()),
    *(Vector(name, octets) for name, (octets, _) in REFUSED.items()),
    *(Vector(name, octets) for name, octets in DROPPED.items()),
]
