"""What a peer sends to an endpoint: requests and responses by the grammar, that fit what has happened, or nearly."""

from fuzz import sip_text
from fuzz.choices import Choices, edited
from fuzz.sip_scene import FLOWS, Dialog, Scene
from mediaserver.sip.digest import answer
from mediaserver.sip.events import Flow

SDP = b"v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
METHODS = (
    "INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "INFO", "PRACK", "UPDATE", "REFER", "NOTIFY", "SUBSCRIBE", "REGISTER",
    "MESSAGE", "PUBLISH", "invite", "X", "INVITE", "UPDATE", "REFER", "BYE", "PRACK", "NOTIFY", "SUBSCRIBE", "ACK",
)  # fmt: skip
STATUSES = (
    100, 101, 180, 183, 199, 200, 202, 204, 299, 300, 302, 305, 380, 400, 401, 403, 404, 405, 407, 408, 413, 415, 416,
    420, 421, 422, 423, 430, 439, 480, 481, 482, 483, 484, 486, 487, 488, 489, 491, 493, 494, 500, 501, 503, 504, 505,
    513, 600, 603, 604, 606, 699,
)  # fmt: skip
_NONCE = 'Digest realm="r", nonce="n", qop="auth"'
HEADERS = (
    "Require: 100rel", "Require: timer", "Require: foo", "Require: replaces, 100rel", "Supported: 100rel, timer",
    "Supported: path, outbound, gruu", "Supported: 199", "Session-Expires: 90", "Session-Expires: 1800;refresher=uac",
    "Session-Expires: 1800;refresher=uas", "Session-Expires: 4294967295;refresher=x", "Session-Expires: 5",
    "Session-Expires:", "Min-SE: 90", "Min-SE: 999999999999", "Min-SE: x", "RSeq: 1", "RSeq: 2", "RSeq: 4711",
    "RSeq: 4294967295", "RSeq: -1", "RAck: 1 1 INVITE", "RAck: 2 1 INVITE", "RAck: x", "Expires: 0", "Expires: 60",
    "Expires: 4294967296", "Min-Expires: 3600", "Retry-After: 5", "Retry-After: 99999999999 (x);duration=1",
    "Event: refer", "Event: refer;id=1", "Event: refer;id=5", "Event: presence", "Subscription-State: active;expires=7",
    "Subscription-State: terminated;reason=noresource", "Subscription-State: pending",
    "Refer-To: <sip:b@example.com>", "Refer-To: <sip:b@h?Replaces=c%3Bto-tag%3D1%3Bfrom-tag%3D2>",
    "Refer-To: <sip:b@h;method=BYE>", "Refer-To: tel:1", "Refer-Sub: false", "Referred-By: <sip:x@y>",
    "Contact: *", "Contact: <sip:a@10.0.0.1>;expires=90;q=0.3", "Contact: <sip:a@192.0.2.9:1>, <sip:b@h>;expires=0",
    'Contact: <sip:a@192.0.2.9:5070;ob>;+sip.instance="<urn:uuid:1>";reg-id=1', "Contact: <tel:1>",
    "Contact: <sip:[2001:db8::1]>", "Path: <sip:p;lr;ob>", "Path: x", "Record-Route: <sip:p1;lr>, <sip:p2>",
    "Record-Route: <sip:192.0.2.77;lr>", "Record-Route: <tel:1>", "Route: <sip:192.0.2.1;lr>", "Route: <sip:else>",
    "Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKv", "Proxy-Require: x", f"WWW-Authenticate: {_NONCE}",
    f"Proxy-Authenticate: {_NONCE}, stale=true", 'WWW-Authenticate: Digest realm="q", nonce="m", algorithm=X',
    'Authorization: Digest username="caller", realm="r", nonce="n", uri="u", response="x"',
    "Reason: SIP;cause=200;text=\"Call completed elsewhere\"", "Content-Type: application/dtmf-relay",
    "Content-Type: message/sipfrag", "Content-Type: multipart/mixed;boundary=x", "Content-Type: text/plain",
    "Content-Disposition: session;handling=optional", "Content-Encoding: gzip", "Accept: text/html", "Allow: INVITE",
    "Allow: INVITE, UPDATE, PRACK, INFO, BYE, REFER, NOTIFY", "Identity: a;info=<b>;alg=ES256", "Info-Package: x",
    "Join: x;to-tag=1;from-tag=2", "In-Reply-To: x", "Max-Forwards: 0", "Timestamp: 54", "Privacy: id",
    "Warning: 399 x",
    "P-Asserted-Identity: <sip:a@h>", "Unsupported: foo", "User-Agent: friendly-scanner", "Date: x",
)  # fmt: skip
BODIES = (
    b"", SDP, SDP.replace(b"1 1 IN", b"1 2 IN"), b"SIP/2.0 180 Ringing\r\n", b"SIP/2.0 200 OK\r\n", b"SIP/2.0 503\r\n",
    b"Signal=5\r\nDuration=160\r\n", b"--x\r\n\r\n--x--", b"\0\xff",
)  # fmt: skip
_LAST_CHARACTERS = "abc"


def request(scene: Scene, choices: Choices) -> tuple[bytes, Flow]:
    """A request of the peer's, in a dialog there is or not."""
    method = choices.pick(METHODS)
    dialog = choices.pick(scene.dialogs or [_fresh(choices)]) if choices.below(4) else _fresh(choices)
    dialog.cseq += choices.pick((1, 0, 2, 1, 1, 1000))
    flow = choices.pick(FLOWS)
    number = _acknowledged(scene, dialog) if method in ("ACK", "CANCEL") and choices.flag() else dialog.cseq
    branch = f"z9hG4bK{method[:3]}{number}{choices.pick(_LAST_CHARACTERS)}"
    if method in ("ACK", "CANCEL") and choices.flag():
        branch = f"z9hG4bKINV{number}{choices.pick(_LAST_CHARACTERS)}"
    to_tag = f";tag={dialog.ours}" if dialog.ours and choices.below(8) else ""
    from_tag = f";tag={dialog.theirs}" if dialog.theirs else ""
    user = choices.pick(("caller", "agent"))
    lines = [
        f"{method} sip:{user}@192.0.2.1 SIP/2.0",
        f"Via: SIP/2.0/{flow.transport.upper()} {choices.pick(_SENT_BY)};branch={branch}{choices.pick(('', ';rport'))}",
        "Max-Forwards: 70",
        f"From: <sip:caller@example.com>{from_tag}",
        f"To: <sip:{user}@192.0.2.1>{to_tag}",
        f"Call-ID: {dialog.call_id}",
        f"CSeq: {number} {method}",
        *choices.pick(_CONTACTS),
        *_more(scene, choices),
        *_proof(scene, choices, method),
    ]
    return _whole(lines, choices), flow


_SENT_BY = ("192.0.2.9:5070", "10.0.0.5", "[2001:db8::5]:5061", "x.invalid")
_CONTACTS: tuple[tuple[str, ...], ...] = (
    ("Contact: <sip:caller@192.0.2.9:5070>",),
    (),
    ("Contact: <sip:caller@10.0.0.5;ob>",),
    ("Contact: <sip:c@h.example.com;transport=tcp>",),
)


def registering(scene: Scene, choices: Choices) -> tuple[bytes, Flow]:
    """A REGISTER of a phone, with the password if it is asked for."""
    dialog, flow = Dialog(choices.pick(("r1", "r2")), "", "f1", 1 + choices.below(16)), choices.pick(FLOWS)
    contacts = [line for line in HEADERS if line.startswith("Contact")]
    fields = [line for line in HEADERS if line.startswith(("Expires", "Path", "Supported"))]
    lines = [
        "REGISTER sip:192.0.2.1 SIP/2.0",
        f"Via: SIP/2.0/{flow.transport.upper()} {choices.pick(_SENT_BY)};branch=z9hG4bKREG{dialog.cseq};rport",
        "Max-Forwards: 70",
        "From: <sip:caller@192.0.2.1>;tag=f1",
        "To: <sip:caller@192.0.2.1>",
        f"Call-ID: {dialog.call_id}",
        f"CSeq: {dialog.cseq} REGISTER",
        *(choices.pick(contacts) for _ in range(choices.pick((1, 1, 0, 2)))),
        *(choices.pick(fields) for _ in range(choices.below(3))),
        *_proof(scene, choices, "REGISTER"),
    ]
    return "\r\n".join([*lines, "Content-Length: 0", "", ""]).encode(), flow


def _proof(scene: Scene, choices: Choices, method: str) -> list[str]:
    """The right password, once or again."""
    if not scene.challenges or not choices.below(3):
        return []
    challenge, count = choices.pick(scene.challenges), 1 + choices.below(3)
    return [f"Authorization: {answer(challenge, method, 'sip:192.0.2.1', 'caller', 's', 'c', count)}"]


def _fresh(choices: Choices) -> Dialog:
    return Dialog(choices.pick(("c1", "c2", "c3")), "", choices.pick(("f1", "f2", "")), 1)


def _acknowledged(scene: Scene, dialog: Dialog) -> int:
    return max(1, dialog.cseq - 1)


def _more(scene: Scene, choices: Choices) -> list[str]:
    lines = [choices.pick(HEADERS) for _ in range(choices.pick((0, 1, 2, 3, 0, 1, 6, 0)))]
    if scene.reliable and choices.flag():
        lines.append(f"RAck: {choices.pick(scene.reliable)}")
    if scene.dialogs and not choices.below(6):
        named = choices.pick(scene.dialogs)
        lines.append(f"Replaces: {named.call_id};to-tag={named.ours};from-tag={named.theirs or '0'}")
    return lines


def _whole(lines: list[str], choices: Choices) -> bytes:
    body = choices.pick(BODIES)
    if body and not any(line.startswith("Content-Type") for line in lines):
        kinds = ("application/sdp", "message/sipfrag;version=2.0", "application/dtmf-relay")
        lines = [*lines, f"Content-Type: {choices.pick(kinds)}"]
    octets = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode("utf-8", "surrogateescape") + body
    return octets if choices.below(6) else edited(octets, choices, sip_text.WORDS)


def response(scene: Scene, choices: Choices) -> tuple[bytes, Flow] | None:
    """A response to one of the endpoint's requests; None when it has sent none."""
    if not scene.asked:
        return None
    flow, asked = scene.asked[-1 - choices.below(len(scene.asked))]
    made = asked.response(choices.pick(STATUSES), to_tag=choices.pick(("p1", "p2", "p3", None)))
    lines = [f"SIP/2.0 {made.status} {made.reason}", *(f"{name}: {value}" for name, value in made.headers.items())]
    lines += choices.pick(_CONTACTS)
    lines += _more(scene, choices)
    return _whole(lines, choices), flow


_FITTING = {
    "REFER": ("Refer-To: <sip:b@example.com>", "Refer-To: <sip:b@h?Replaces=c%3Bto-tag%3D1%3Bfrom-tag%3D2>"),
    "NOTIFY": (
        "Event: refer\r\nSubscription-State: active;expires=7",
        "Event: refer\r\nSubscription-State: terminated",
    ),
    "SUBSCRIBE": ("Event: refer", "Event: refer\r\nExpires: 0"),
    "UPDATE": ("Session-Expires: 90;refresher=uac", "Supported: timer"),
    "INVITE": ("Session-Expires: 90;refresher=uas\r\nRequire: timer", "Supported: 100rel"),
    "INFO": ("Content-Type: application/dtmf-relay", "Info-Package: x"),
    "PRACK": ("Supported: timer",),
    "BYE": ("Reason: Q.850;cause=16",),
    "ACK": ("X: x",),
}
_WITH_SDP = ("UPDATE", "INVITE", "PRACK", "ACK")


def following(scene: Scene, choices: Choices) -> tuple[bytes, Flow] | None:
    """A request that belongs to a dialog there is, and is what may come next in it."""
    if not scene.dialogs:
        return None
    dialog, method = choices.pick(scene.dialogs), choices.pick(tuple(_FITTING))
    if method != "ACK":
        dialog.cseq += 1
    lines = [
        f"{method} sip:agent@192.0.2.1 SIP/2.0",
        f"Via: SIP/2.0/UDP 192.0.2.9:5070;branch=z9hG4bKn{method}{dialog.cseq}",
        "Max-Forwards: 70",
        f"From: <sip:caller@example.com>;tag={dialog.theirs}",
        f"To: <sip:agent@192.0.2.1>;tag={dialog.ours}",
        f"Call-ID: {dialog.call_id}",
        f"CSeq: {dialog.cseq} {method}",
        "Contact: <sip:caller@192.0.2.9:5070>",
        choices.pick(_FITTING[method]),
    ]
    if method == "PRACK" and scene.reliable:
        lines.append(f"RAck: {choices.pick(scene.reliable)}")
    body = (
        choices.pick((SDP, b"")) if method in _WITH_SDP else BODIES[3 + choices.below(3)] if method == "NOTIFY" else b""
    )
    if body:
        lines.append(f"Content-Type: {'message/sipfrag' if method == 'NOTIFY' else 'application/sdp'}")
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode(
        "utf-8", "surrogateescape"
    ) + body, FLOWS[0]


def fitting_response(scene: Scene, choices: Choices) -> tuple[bytes, Flow] | None:
    """A response as it should be to one of the endpoint's last requests, from one of several branches."""
    if not scene.asked:
        return None
    flow, asked = scene.asked[-1 - choices.below(min(3, len(scene.asked)))]
    ringing = asked.method == "INVITE" and choices.flag()
    status = choices.pick((180, 183, 183, 199)) if ringing else choices.pick((200, 200, 202, 486, 401, 422, 491, 481))
    made = asked.response(status, to_tag=choices.pick(("p1", "p2", "p3")))
    made.headers.add("Contact", "<sip:bob@192.0.2.9:5070>")
    if status == 401:
        made.headers.add("WWW-Authenticate", f'{_NONCE[:-1]}-int"' if choices.flag() else _NONCE)
    if status == 422:
        made.headers.add("Min-SE", choices.pick(("1900", "90")))
    if ringing and choices.flag():
        made.headers.add("Require", "100rel")
        made.headers.add("RSeq", str(1 + choices.below(4)))
    if status < 300 and asked.method in ("INVITE", "UPDATE", "PRACK") and choices.flag():
        made.headers.set("Content-Type", "application/sdp")
        made.body = SDP
    return bytes(made), flow
