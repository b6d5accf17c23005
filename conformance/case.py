"""The cases: what each shows, who takes part, what has to come of it, and how it is shown able to fail."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape

from conformance.settings import text_of
from conformance.wire import Fault, Side

FOLDER = Path(__file__).parent / "cases"
SECONDS = 30.0
"""How long a case may take unless it says otherwise."""
_DIALLED_S = 30.0
"""How much longer with a command in it, which has to start."""
SENT_ONCE = ("100 INVITE", "180 INVITE")
"""Unreliable provisional responses do not come again when they are lost (RFC 3261 13.3.1, RFC 3262 3)."""
_PARTIES = ("caller", "callee")


class CaseFileError(Exception):
    """A case file says something that is not understood."""


def name_of(element: Element) -> str:
    """The name of a party or ear: its own, or what it is."""
    return element.get("name", element.tag)


@dataclass(frozen=True, eq=False)
class Case:
    """One row of the table."""

    name: str
    build: str
    """Which part of the product it is about: a key of `PARTS`."""
    rfc: str
    shows: str
    transport: str
    server: str
    """The settings it runs with, in `servers/`; cases of the same share a process."""
    seconds: float
    parties: Sequence[Element]
    settings: str = ""
    """TOML of its own on top; then its server is its own too."""
    model: dict[str, str] | None = None
    """What its model does, if that is particular: then its server and emulator are its own."""
    ears: Sequence[Element] = ()
    checks: Sequence[Element] = ()
    dials: Sequence[Element] = ()
    stop: Element | None = None
    breaks: Sequence[Fault] = ()
    """Each by itself has to make it fail."""
    lost: Fault | None = None
    """What is lost once in it."""
    variants: Sequence[tuple[str, "Case"]] = ()
    """What it would be otherwise: each by itself has to make it fail, too."""

    @property
    def alone(self) -> bool:
        """Whether it needs a server of its own."""
        special = self.settings or self.model or self.dials or self.stop is not None
        return bool(special) or any(f"{{{name}}}" in text_of(self.server) for name in self.names)

    @property
    def names(self) -> list[str]:
        """What settings may name: the parties that are called, and the ears."""
        return [name_of(element) for element in (*self.called, *self.ears)]

    @property
    def called(self) -> list[Element]:
        """The parties that the server calls."""
        return [element for element in self.parties if element.tag == "callee"]

    @property
    def calling(self) -> list[Element]:
        """The parties that call the server."""
        return [element for element in self.parties if element.tag == "caller"]


PARTS = {
    "1": "transports",
    "2": "trunks and phones",
    "3": "calls",
    "4": "transfer",
    "5": "keys",
    "6": "media security and addresses",
    "7": "codecs",
    "8": "abuse",
    "9": "ladder",
}


def cases(folder: Path = FOLDER) -> list[Case]:
    """Every case of every file, in the order of parts and names."""
    found = [case for path in sorted(folder.glob("*.xml")) for case in read(path)]
    return sorted(found, key=lambda case: (case.build, case.name))


def read(path: Path) -> Iterator[Case]:
    """The cases of a file: one for each transport, and one more for each message that is to be lost once."""
    text = path.read_text()
    root = ElementTree.fromstring(text)
    for name in ("shows", "rfc", "build"):
        if name not in root.attrib:
            raise CaseFileError(f"{path.name}: {name} is missing: say it in the attribute of <case>")
    transports = root.get("transport", "udp").split()
    for transport in transports:
        base = _case(path.stem if len(transports) == 1 else f"{path.stem}-{transport}", root, transport)
        base = replace(base, variants=[_variant(base, text, element) for element in root.findall("break[@text]")])
        if not base.breaks and not base.variants:
            raise CaseFileError(f"{path.name}: <break> is missing: say what would make it fail")
        yield base
        for element in root.findall("lose") if transport == "udp" else ():
            yield from _losing(base, element)


def _case(name: str, root: Element, transport: str) -> Case:
    model = root.find("model")
    settings = root.find("settings")
    return Case(
        name,
        root.attrib["build"],
        root.attrib["rfc"],
        root.attrib["shows"],
        transport,
        root.get("server", "usual"),
        float(root.get("seconds", SECONDS if root.find("dial") is None else SECONDS + _DIALLED_S)),
        [element for element in root if element.tag in _PARTIES],
        "" if settings is None else settings.text or "",
        None if model is None else dict(model.attrib),
        root.findall("ear"),
        [element for element in root if element.tag in ("log", "told", "digest", "seen", "unseen", "ladder")],
        root.findall("dial"),
        root.find("stop"),
        [_fault(element) for element in root.findall("break") if "text" not in element.attrib],
    )


def _variant(base: Case, text: str, element: Element) -> tuple[str, Case]:
    """`<break text="this" put="that"/>`: the case file with that in the place of this."""
    this, that = element.attrib["text"], element.get("put", "")
    altered = ElementTree.fromstring(text.replace(escape(this), escape(that)))
    return f"{this} → {that}", _case(base.name, altered, base.transport)


def _fault(element: Element, times: int | None = None) -> Fault:
    side: Side = "peer" if element.get("side", "server") == "peer" else "server"
    return Fault(
        side,
        element.get("message", ""),
        times,
        element.get("find"),
        element.get("put", ""),
        element.get("party", ""),
    )


def _for_good(lost: Fault) -> Fault:
    """What cannot be done without: where the message itself can, for it is sent but once, the answer after it."""
    name = lost.message.split("#")[0]
    return replace(lost, message="200 INVITE" if name in SENT_ONCE else lost.message, times=None)


def _losing(base: Case, element: Element) -> Iterator[Case]:
    """`<lose side="peer">INVITE, ACK</lose>`: the first transmission of each is lost, and the call completes."""
    fault = _fault(element, times=1)
    for message in (element.text or "").split(","):
        lost = replace(fault, message=message.strip())
        whose, named = ("its", "the peer's") if fault.side == "peer" else ("our", "the server's")
        yield replace(
            base,
            name=f"{base.name}-lost-{whose}-{lost.message.replace(' ', '-').replace('#', '-')}",
            shows=f"{base.shows}, with {named} {lost.message} lost once",
            lost=lost,
            variants=(),
            breaks=[_for_good(lost)],
        )
