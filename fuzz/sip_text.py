"""Examples of SIP: messages of the tests, and whatever lies where `MEDIASERVER_TORTURE` points (RFC 4475, 5118)."""

import base64
import json
import os
import sys
import time
from functools import cache
from importlib import import_module
from pathlib import Path

_TESTS = Path(__file__).parents[1] / "tests"
_LONGEST = 3000

WORDS = [
    b"\r\n", b"\n", b"\r", b"\r\n ", b"\r\n\r\n", b"\t", b" ", b"\0", b"\xff", b"\xc3", b"\xc2\xa0", b"\xd9\xa3",
    b"\xc5\xbf", b'"', b"\\", b"<", b">", b",", b";", b";;", b":", b"=", b"@", b"?", b"[", b"]", b"%", b"%00", b"%2",
    b"%41", b"/", b"*", b"&", b"'", b"(", b"SIP/2.0", b"SIP/2.0/UDP ", b"sip:", b"sips:", b"tel:", b"-1", b"0",
    b"99999999999999999999", b"4294967296", b"2147483648", b";tag=", b";branch=z9hG4bK", b";rport", b";received=",
    b";lr", b";ob", b";expires=", b";q=", b";maddr=", b";transport=tcp", b"Via: ", b"v:", b"l:",
    b"Content-Length: 4\r\n", b"CSeq: ", b"ACK", b"INVITE", b"BYE", b"CANCEL", b"Contact: *\r\n", b"Route: ",
    b"Record-Route: ", b"Require: ", b"Supported: ", b"Digest ", b"realm=", b"nonce=", b"qop=auth", b"algorithm=",
    b"username=", b"response=", b"stale=true", b"nc=00000001", b"cnonce=", b"to-tag=", b"from-tag=", b"early-only",
    b"::1", b"::ffff:1.2.3.4", b"%3B", b"Replaces=",
]  # fmt: skip


@cache
def messages() -> list[bytes]:
    """Whole messages, sound and broken."""
    found = [path.read_bytes() for path in sorted((_TESTS / "vectors" / "sip_fuzz").glob("*.sip"))]
    sys.path.append(str(_TESTS))
    try:
        every = import_module("support.sip_messages").EVERY
    finally:
        sys.path.remove(str(_TESTS))
    found += [vector.octets for vector in every]
    if torture := os.environ.get("MEDIASERVER_TORTURE"):
        files = (path for path in sorted(Path(torture).rglob("*")) if path.suffix in (".dat", ".sip"))
        found += [path.read_bytes() for path in files]
    return [octets for octets in found if len(octets) <= _LONGEST]


ADDRESSES = [
    b"sip:anna@example.com", b"sips:%61nna:secret@[2001:db8::1]:5061;transport=tcp;lr?Subject=x&Route=%3Csip:a%3E",
    b"tel:+15550100;phone-context=example.com", b"urn:service:sos", b"sip:1_u.U~(be!)&it$/c?,/;;*:&x=1!@example.com",
    b"sip:h;maddr=239.255.255.1;ttl=15;method=INVITE;user=phone", b"sip:[::ffff:192.0.2.1]",
    b'"Anna \\"A\\" <x>" <sip:anna@example.com;lr>;tag=1;+sip.instance="<urn:uuid:1>";reg-id=1;expires=60;q=0.5',
    b"Anna B <sip:a@h>;tag=2", b"sip:a@h;tag=3", b"<tel:123;ext=4>;tag", b"anna<sip:a@h>",
]  # fmt: skip
VIAS = [
    b"SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa;rport;received=192.0.2.2",
    b"SIP / 2.0 / TLS  [2001:db8::9]:5061 ;branch=z9hG4bK1;rport=99;received=[::1];ttl=1;maddr=h",
    b"SIP/2.0/WSS df7jal23ls0d.invalid;branch=z9hG4bKx;keep",
]
CHALLENGES = [
    b'Digest realm="a", nonce="n", algorithm=MD5, qop="auth,auth-int", opaque="o", stale=true',
    b'Digest realm="a\\"b", nonce="n", algorithm=SHA-512-256-sess, qop="auth-int"',
    b"Digest realm=a,nonce=n,algorithm=SHA-256", b'Digest realm="a", nonce="n", qop="auth", domain="sip:x", charset=U',
    b'Basic realm="x"',
]  # fmt: skip
CREDENTIALS = [
    b'Digest username="bob", realm="r", nonce="%s", uri="sip:a", response="' + b"0" * 32 + b'", algorithm=MD5',
    b'Digest username="bob", realm="r", nonce="n", uri="sip:a", response="x", qop=auth, nc=00000001, cnonce="c"',
    b'Digest username*=UTF-8\'\'b%6Fb, realm="r", nonce="n", uri="u", response="x", userhash=true, qop=auth,'
    b' nc=0000000a, cnonce="c", algorithm=SHA-256',
]
REPLACES = [
    b"c@h;to-tag=1;from-tag=2;early-only",
    b"12adf2f34456gs5;to-tag=12345;from-tag=54321",
    b"c;from-tag=0;to-tag=0",
]
REFER_TO = [
    b"<sip:a@b?Replaces=c%3Bto-tag%3D1%3Bfrom-tag%3D2&Require=replaces>", b"sip:a@b;method=BYE",
    b'"X" <sips:a:b@h:1;method=INVITE;user=phone?a=b>;p', b"<tel:123>",
]  # fmt: skip
FRAGMENTS = [b"SIP/2.0 200 OK\r\n", b"\r\nSIP/2.0 180 Ringing\r\nContact: <sip:a>\r\n", b"SIP/2.0 503  a b\n"]
VALUES = [
    b"refer;id=93809823", b"active;expires=60", b"terminated;reason=noresource;retry-after=5", b"1800;refresher=uas",
    b"120 (in a meeting);duration=3600", b"1 INVITE", b"4711 INVITE", b"0", b"SIP;cause=200;text=\"x\", Q.850;cause=16",
]  # fmt: skip


def _identity(header: dict[str, object], claims: dict[str, object]) -> bytes:
    parts = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims))
    return b".".join((*parts, b"A" * 86)) + b";info=<https://c.example/a.pem>;alg=ES256;ppt=shaken"


_HEADER: dict[str, object] = {"alg": "ES256", "ppt": "shaken", "typ": "passport", "x5u": "https://c.example/a.pem"}
_NOW = int(time.time())
IDENTITIES = [
    _identity(_HEADER, {"attest": "A", "dest": {"tn": ["1"]}, "iat": _NOW, "orig": {"tn": "2"}, "origid": "x"}),
    _identity(_HEADER | {"x5u": "http://[x"}, {"dest": {"tn": "1"}, "iat": _NOW, "orig": {"tn": "2"}}),
    _identity(_HEADER, {"dest": {"uri": ["sip:1@h"], "tn": [7, None]}, "iat": 1e308, "orig": {"uri": "sip:2@h"}}),
    b"e30.e30.e30;info=<x>", b"..AAAA;info=<x>;ppt=shaken",
]  # fmt: skip
KEYS = [b"Signal=5\r\nDuration=160\r\n", b"Signal= 10\r\nDuration=99999", b"#", b" 11 "]
NUMBERS = [
    b"+49 (30) 555", b"tel:1-1-2", b"sip:%31%31%32@h", b"\xd9\xa1\xd9\xa1\xd9\xa2", b"00112", b"112;ext=4",
    b"<sip:911@x>", b"urn:service:sos.police", b"\xef\xbc\x91\xe2\x80\x8b12", b"0049112",
    b"9 911", b"call\xcc\x83to:110",
]  # fmt: skip
