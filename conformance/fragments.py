"""The exchanges that most cases have, out of single messages."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from xml.etree.ElementTree import Element

SPEECH = "speech.pcma"
"""The file that every SIPp has beside it."""
_SOUGHT = ("expect", "unless", "keep")


def _split(element: Element) -> tuple[Element, list[Element]]:
    """What the message sent is to hold, and what is sought in the answer."""
    sent = deepcopy(element)
    sought = [child for child in sent if child.tag in _SOUGHT]
    # Text after a child is header lines too.
    sent.text = "\n".join([sent.text or "", *(child.tail or "" for child in sent)])
    for child in list(sent):
        child.tail = None
        if child.tag in _SOUGHT:
            sent.remove(child)
    return sent, sought


def _step(tag: str, *children: Element, **attributes: str) -> Element:
    step = Element(tag, attributes)
    step.extend(children)
    return step


def _asked(element: Element, method: str) -> list[Element]:
    """A request, its provisional responses, its final one, and the ACK: `call`, `change`."""
    sent, sought = _split(element)
    final = sent.attrib.pop("status", "200")
    sent.tag = "send"
    sent.set("request", sent.get("request", method))
    sent.attrib.setdefault("sdp", "PCMU telephone-event")
    if sent.get("sdp") == "":
        del sent.attrib["sdp"]
    again = [_step("recv", response=status, optional="true") for status in ("100", "180", "183")]
    taken = _step("recv", *sought, response=final)
    if final == "401":
        taken.set("auth", "true")
    if sent.get("request") != "INVITE":
        return [sent, taken]
    acknowledged = _step("send", request="ACK")
    if not final.startswith("2"):
        acknowledged.set("branch", "INVITE")
    return [sent, *again, taken, acknowledged]


def _call(element: Element) -> list[Element]:
    """`<call>`: an INVITE that is answered, or with `status` refused."""
    return _asked(element, "INVITE")


def _change(element: Element) -> list[Element]:
    """`<change>`: a re-INVITE (or `request="UPDATE"`) with its answer."""
    return _asked(element, "INVITE")


def _says(element: Element) -> list[Element]:
    """`<says/>`: the caller says something; its description has `sdp="PCMA"` and `port="[rtpstream_audio_port]"`."""
    action = _step("action", _step("exec", rtp_stream=f"{SPEECH},1,8"))
    return [_step("nop", action)]


def _hang_up(element: Element) -> list[Element]:
    """`<hang-up>`: our BYE. After `ms`, 300 unless given, so that the call has stood for a moment."""
    sent, sought = _split(element)
    pause = _step("pause", milliseconds=sent.attrib.pop("ms", "300"))
    sent.tag = "send"
    sent.set("request", "BYE")
    return [pause, sent, _step("recv", *sought, response="200")]


def _hung_up(element: Element) -> list[Element]:
    """`<hung-up>`: the server's BYE. We stay for `ms`, should it come again."""
    _, sought = _split(element)
    stay = [_step("pause", milliseconds=element.attrib["ms"])] if "ms" in element.attrib else []
    return [_step("recv", *sought, request="BYE"), _step("send", response="200"), *stay]


def _ring(element: Element) -> list[Element]:
    """`<ring>`: the server's INVITE, which is told that it rings."""
    _, sought = _split(element)
    return [_step("recv", *sought, request="INVITE"), _step("send", response="180")]


def _answer(element: Element) -> list[Element]:
    """`<answer>`: an INVITE of the server that has come is answered, and acknowledged."""
    sent, sought = _split(element)
    sent.tag = "send"
    sent.set("response", sent.get("response", "200"))
    sent.attrib.setdefault("sdp", "PCMU telephone-event")
    return [sent, _step("recv", *sought, request="ACK"), _established()]


def _established() -> Element:
    """Tells the composer that what follows is within the dialog."""
    return Element("established")


def _refuse(element: Element) -> list[Element]:
    """`<refuse>`: an INVITE of the server that has come is refused with `status`."""
    sent, _ = _split(element)
    sent.tag = "send"
    sent.set("response", sent.attrib.pop("status"))
    return [sent, _step("recv", request="ACK")]


EXCHANGES: Mapping[str, Callable[[Element], list[Element]]] = {
    "call": _call,
    "change": _change,
    "says": _says,
    "hang-up": _hang_up,
    "hung-up": _hung_up,
    "ring": _ring,
    "answer": _answer,
    "refuse": _refuse,
}
