"""A scenario for SIPp out of a party of a case: whole messages where the case says only what is particular of them.

In a case file, besides SIPp's own elements, which are kept as they are:

`<send request="INVITE" sdp="PCMU">`, `<send response="180">`: a message. Its text holds header lines, which take the
place of the usual ones of that name; `without="Contact"` leaves some out, `line` is another start line, `uri` another
target. `<body type="...">` within is its body, `<sdp>` lines added to its description; `direction`, `at`, `port` and
`profile` are the description's. CSeq and branch count up by themselves, unless `cseq` or `branch` say otherwise. A
response is to the last request that came, or with `of="INVITE"` to the last INVITE; `tag` is ours, as `tag=a`.
`<recv ...>` with `<expect header="Allow" like="INVITE"/>`, `<expect body="a=recvonly"/>`, `<expect line="INVITE"/>`;
`<unless .../>`, which must not be there; `<keep name="rseq" header="RSeq" like="([0-9]+)"/>` for `[$rseq]` later on.
`<call>`, `<change>`, `<hang-up>`, `<hung-up>`, `<ring>` and `<answer>` are whole exchanges; see `fragments`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element
from xml.sax.saxutils import quoteattr

from conformance.fragments import EXCHANGES
from conformance.sdp import describe

REASONS = {
    100: "Trying", 180: "Ringing", 183: "Session Progress", 200: "OK", 202: "Accepted", 302: "Moved Temporarily",
    401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 407: "Proxy Authentication Required",
    408: "Request Timeout", 422: "Session Interval Too Small", 423: "Interval Too Brief", 481: "No Such Dialog",
    486: "Busy Here", 487: "Request Terminated", 488: "Not Acceptable Here", 491: "Request Pending",
    500: "Server Internal Error", 503: "Service Unavailable", 603: "Decline",
}  # fmt: skip
FIRST_MS = 180_000
"""How long whoever is called waits for the first request: a server, or a command, has to start before."""
_CONTACT = "<sip:sipp@[local_ip]:[local_port];transport=[transport]>"
_TAG = "tag=[pid]t[call_number]"
_MESSAGE = ("sdp", "direction", "at", "port", "profile", "request", "response", "cseq", "branch", "line", "uri")
_EARLY = ("PRACK", "UPDATE", "BYE")
"""What is sent within a dialog even before the INVITE is answered."""
_OURS = (*_MESSAGE, "without", "tag", "of")


def scenario(name: str, party: Element) -> str:
    """The XML that SIPp is given."""
    composer = Composer(calls=party.tag == "caller")
    steps = "\n\n".join(composer.steps(list(party)))
    seen = composer.variables
    reference = f'\n\n  <Reference variables="{",".join(seen)}"/>' if seen else ""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<scenario name="{name}">\n\n{steps}{reference}\n\n</scenario>\n'


@dataclass
class Composer:
    """One party: what it has sent and received so far decides what the next message looks like."""

    calls: bool
    variables: list[str] = field(default_factory=list)
    _cseq: int = 0
    _invite_cseq: int = 0
    _sent: int = 0
    _version: int = 0
    _sending: str = ""
    """The method of the last request sent that awaits responses."""
    _in_dialog: bool = False
    _asked: str = ""
    """The method of the last request received."""
    _branches: dict[str, str] = field(default_factory=dict)

    def steps(self, elements: Sequence[Element]) -> Iterator[str]:
        """Each element as SIPp has it."""
        for element in elements:
            if element.tag in EXCHANGES:
                yield from self.steps(EXCHANGES[element.tag](element))
            elif element.tag == "send" and ("request" in element.attrib or "response" in element.attrib):
                yield self._send(element)
            elif element.tag == "recv":
                yield self._recv(element)
            elif element.tag == "learn":
                continue
            elif element.tag == "established":
                self._in_dialog = True
            else:
                yield "  " + _copied(element)

    # What is received

    def _recv(self, element: Element) -> str:
        attributes = dict(element.attrib)
        if "response" in attributes:
            if attributes["response"] in ("183", "200"):
                attributes.setdefault("rrs", "true")
            if attributes["response"].startswith("2") and self._sending == "INVITE":
                self._in_dialog = True
        method = attributes.get("request")
        if not self.calls and not self._asked:
            attributes.setdefault("timeout", str(FIRST_MS))
        actions = [self._sought(child) for child in element if child.tag in ("expect", "unless", "keep")]
        if method is not None and method != "ACK":
            self._asked = method
        if method == "INVITE":
            actions += self._kept()
        others = [_copied(child) for child in element.findall("action/*")]
        head = f"  <recv {_attributes(attributes)}"
        if not actions and not others:
            return head + "/>"
        inner = "\n".join(f"      {action}" for action in (*actions, *others))
        return f"{head}>\n    <action>\n{inner}\n    </action>\n  </recv>"

    def _kept(self) -> list[str]:
        """What a response to this INVITE, and a request of ours in the call it begins, take from it."""
        begins = not self.calls and not self._in_dialog
        prefix = "" if begins else "re_"
        actions = []
        for name, header in (("theirs", "From"), ("ours", "To"), ("via", "Via"), ("asked", "CSeq")):
            self._known(prefix + name)
            actions.append(f'<ereg regexp=".*" search_in="hdr" header="{header}:" assign_to="{prefix}{name}"/>')
        if begins:
            self._known("contact")
            self._known("target")
            like = quoteattr("<(sip:[^>]*)>")
            actions.append(f'<ereg regexp={like} search_in="hdr" header="Contact:" assign_to="contact,target"/>')
        return actions

    def _sought(self, element: Element) -> str:
        if "header" in element.attrib:
            where, like = f'search_in="hdr" header="{element.attrib["header"]}:"', element.get("like", ".+")
        elif "body" in element.attrib:
            where, like = 'search_in="body"', element.attrib["body"]
        else:
            where, like = 'search_in="msg"', element.attrib["line"]
        check = {"expect": 'check_it="true"', "unless": 'check_it_inverse="true"', "keep": 'check_it="true"'}[
            element.tag
        ]
        if element.tag == "keep":
            names = [f"{element.attrib['name']}_whole", element.attrib["name"]]
        else:
            names = [f"seen{len(self.variables)}"]
        for name in names:
            self._known(name)
        return f"<ereg regexp={quoteattr(like)} {where} {check} assign_to={quoteattr(','.join(names))}/>"

    def _known(self, variable: str) -> None:
        if variable not in self.variables:
            self.variables.append(variable)

    # What is sent

    def _send(self, element: Element) -> str:
        lines = self._request(element) if "request" in element.attrib else self._response(element)
        given = _given(element)
        dropped = {name.strip().lower() for name in element.get("without", "").split(",")}
        names = {line.partition(":")[0].strip().lower() for line in given}
        lines = lines[:1] + [line for line in lines[1:] if line.partition(":")[0].lower() not in names | dropped]
        kind, body = self._body(element)
        lines += given
        if body and "content-type" not in names:
            lines.append(f"Content-Type: {kind}")
        if "content-length" not in names | dropped:
            lines.append("Content-Length: [len]")
        text = "\n".join(f"      {line}".rstrip() for line in (*lines, "", *(body or [""])))
        others = {name: value for name, value in element.attrib.items() if name not in _OURS}
        if element.get("request", "ACK") != "ACK" or self._is_final(element):
            others.setdefault("retrans", "500")
        opening = f"<send {_attributes(others)}>" if others else "<send>"
        return f"  {opening}\n    <![CDATA[\n\n{text}\n\n    ]]>\n  </send>"

    def _is_final(self, element: Element) -> bool:
        """Whether it is a final response to an INVITE, which is repeated until the ACK comes (13.3.1.4, 17.2.1)."""
        return element.get("response", "1")[0] != "1" and element.get("of", self._asked) == "INVITE"

    def _request(self, element: Element) -> list[str]:
        method = element.attrib["request"]
        self._sent += 1
        if method not in ("ACK", "CANCEL"):
            self._cseq = int(element.get("cseq", self._cseq + 1))
            self._sending = method
        if method == "INVITE":
            self._invite_cseq = self._cseq
        cseq = element.get("cseq") or str(self._invite_cseq if method in ("ACK", "CANCEL") else self._cseq)
        branch = self._branch(method, element.get("branch"))
        if self.calls:
            within = self._in_dialog or method in _EARLY
            target = "[next_url]" if within else "sip:[service]@[remote_ip]:[remote_port]"
            mine = f"sipp <sip:sipp@[local_ip]:[local_port]>;{_TAG}"
            yours = "<sip:[service]@[remote_ip]:[remote_port]>" + (
                "[peer_tag_param]" if within or method == "ACK" else ""
            )
        else:
            target, mine, yours = "[$target]", f"[$ours];{_TAG}", "[$theirs]"
        if method == "REGISTER":
            target = "sip:[remote_ip]:[remote_port]"
            mine, yours = (
                f"<sip:[service]@[remote_ip]:[remote_port]>;{_TAG}",
                "<sip:[service]@[remote_ip]:[remote_port]>",
            )
        target = element.get("uri", target)
        return [
            element.get("line", f"{method} {target} SIP/2.0"),
            f"Via: SIP/2.0/[transport] [local_ip]:[local_port];branch={branch};rport",
            *(["[routes]"] if self.calls and self._in_dialog else []),
            f"From: {mine}",
            f"To: {yours}",
            "Call-ID: [call_id]",
            f"CSeq: {cseq} {method}",
            f"Contact: {_CONTACT}",
            "Max-Forwards: 70",
        ]

    def _branch(self, method: str, key: str | None) -> str:
        """A CANCEL, and the ACK of a refusal, belong to the INVITE's transaction (RFC 3261 9.1, 17.1.1.3)."""
        key = key or ("INVITE" if method == "CANCEL" or (method == "ACK" and not self._in_dialog) else None)
        if key is not None and key in self._branches:
            return self._branches[key]
        branch = f"z9hG4bK-[pid]-[call_number]-{self._sent}"
        self._branches[method] = branch
        if key is not None:
            self._branches[key] = branch
        return branch

    def _response(self, element: Element) -> list[str]:
        status = int(element.attrib["response"])
        asked = element.get("of", self._asked)
        head = element.get("line", f"SIP/2.0 {status} {REASONS.get(status, 'Refused')}")
        begins = not self.calls and not self._in_dialog
        tag = f";{element.get('tag', _TAG)}" if begins and status > 100 and asked not in _EARLY else ""
        if asked == "INVITE":
            of = "" if begins else "re_"
            lines = [f"Via: [${of}via]", f"From: [${of}theirs]", f"To: [${of}ours]{tag}"]
            lines += ["Call-ID: [call_id]", f"CSeq: [${of}asked]"]
        else:
            lines = ["[last_Via:]", "[last_From:]", f"[last_To:]{tag}", "[last_Call-ID:]", "[last_CSeq:]"]
        return [head, *lines, f"Contact: {_CONTACT}"]

    def _body(self, element: Element) -> tuple[str, list[str]]:
        given = element.find("body")
        if given is not None:
            return given.get("type", ""), [line.strip() for line in (given.text or "").strip().splitlines()]
        if "sdp" not in element.attrib:
            return "", []
        self._version += 1
        chosen = {
            name: element.attrib[name] for name in ("at", "port", "profile", "direction") if name in element.attrib
        }
        more = element.find("sdp")
        lines = [] if more is None else [line.strip() for line in (more.text or "").strip().splitlines()]
        return "application/sdp", describe(element.attrib["sdp"], version=self._version, more=lines, **chosen)


def _given(element: Element) -> list[str]:
    """The header lines that stand in it, also those after its children."""
    text = "\n".join([element.text or "", *(child.tail or "" for child in element)])
    return [line.strip() for line in text.splitlines() if line.strip()]


def _attributes(attributes: dict[str, str]) -> str:
    return " ".join(f"{name}={quoteattr(value)}" for name, value in attributes.items())


def _copied(element: Element) -> str:
    """An element of SIPp's own."""
    inner = "".join(_copied(child) for child in element)
    text = (element.text or "").strip()
    body = f"<![CDATA[{text}]]>" if text else ""
    attributes = " " + _attributes(dict(element.attrib)) if element.attrib else ""
    return (
        f"<{element.tag}{attributes}>{body}{inner}</{element.tag}>"
        if body or inner
        else f"<{element.tag}{attributes}/>"
    )
