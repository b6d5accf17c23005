"""What has to be true at the end of a case besides that every SIPp followed its scenario."""

import asyncio
import hashlib
import re
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from conformance.case import SENT_ONCE, Case, name_of
from conformance.ears import Ear
from conformance.wire import Fault, Wire
from mediaserver.load.server_process import LogLine

if TYPE_CHECKING:
    from conformance.play import Scene

_QUOTED = 6000
_LOGGED_S = 5.0

type Check = Callable[[Element, Case, "Scene"], Awaitable[str | None]]


def came_again(lost: Fault, wires: Mapping[str, Wire]) -> str | None:
    """Whether what was lost was sent once more, and arrived."""
    name, _, number = lost.message.partition("#")
    for wire in wires.values():
        same = [
            each
            for each in wire.passed
            if each.side == lost.side and each.label == name and (not number or each.ordinal == int(number))
        ]
        gone = [each for each in same if not each.delivered]
        if gone:
            again = [each for each in same if each.delivered and each.ordinal == gone[0].ordinal]
            return None if again or name in SENT_ONCE else f"{lost.message} was lost and never came again"
    return f"no {lost.message} came by that could be lost"


async def _log(element: Element, case: Case, scene: "Scene") -> str | None:
    """`<log event="call.ended" reason="caller-hung-up" count="1"/>`: so many such lines of its calls are in the log."""
    process = scene.running.process
    assert process is not None, "only a server has a log"
    wanted = {name: value for name, value in element.attrib.items() if name not in ("event", "count")}
    count = int(element.get("count", "1"))

    def found() -> list[LogLine]:
        return [
            line
            for line in _of_case(process.lines[scene.began :], case)
            if line.event == element.attrib["event"]
            and all(fnmatchcase(str(line.fields.get(name)), value) for name, value in wanted.items())
        ]

    if await _comes_true(lambda: len(found()) >= count) and (count or not found()):
        return None
    lines = "\n".join(f"{line.event} {dict(line.fields)}" for line in _of_case(process.lines[scene.began :], case))
    return f"the log has {len(found())} instead of {count} {dict(element.attrib)}:\n{lines}"


async def _comes_true(true: Callable[[], bool]) -> bool:
    """Another process, or another task, may be a little behind."""
    try:
        async with asyncio.timeout(_LOGGED_S):
            while not true():  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    except TimeoutError:
        return False
    return True


def _of_case(lines: Sequence[LogLine], case: Case) -> list[LogLine]:
    """Those of the calls that SIPp made for it, and of no call at all; where the server is its own, all."""
    if case.alone:
        return list(lines)
    mine = {
        line.fields.get("call")
        for line in lines
        if line.event == "call.incoming" and f"-{case.name}@" in str(line.fields.get("sip_call_id"))
    }
    return [line for line in lines if line.fields.get("call") in mine]


async def _told(element: Element, case: Case, scene: "Scene") -> str | None:
    """`<told like="DTMF-12"/>`: the model was told something that has this in it."""
    like = element.attrib["like"]

    def events() -> str:
        return "\n".join(
            str(event) for session in scene.running.emulator.sessions for _, event in session.client_events
        )

    if await _comes_true(lambda: re.search(like, events()) is not None):
        return None
    return f"the model was not told {like!r}, but {events()}"


async def _seen(element: Element, case: Case, scene: "Scene") -> str | None:
    """`<seen party="callee" like="regular expression" count="2"/>`: so often is it in what SIPp sent and received."""
    messages = "".join(party.messages for party in scene.parties if party.name in (element.get("party", party.name),))
    found = len(re.findall(element.attrib["like"], messages.replace("\r\n", "\n"), re.MULTILINE))
    least = int(element.get("count", element.get("least", "1")))
    most = int(element.get("count", element.get("most", "1000000")))
    if least <= found <= most:
        return None
    return f"{element.attrib['like']!r} was seen {found} times, not {least} to {most}:\n{messages[-_QUOTED:]}"


async def _unseen(element: Element, case: Case, scene: "Scene") -> str | None:
    """`<unseen like="..."/>`: it is in nothing that was sent or received."""
    messages = "".join(party.messages for party in scene.parties).replace("\r\n", "\n")
    return f"{element.attrib['like']!r} was seen" if re.search(element.attrib["like"], messages, re.MULTILINE) else None


async def _digest(element: Element, case: Case, scene: "Scene") -> str | None:
    """`<digest party="carrier" user="u" password="p" algorithm="SHA-256"/>`: the credentials that came are right."""
    party = next(each for each in scene.parties if each.name == element.get("party", each.name))
    text = party.messages
    found = re.findall(
        r"^(\S+) \S+ SIP/2\.0\r?$(?:(?!^-----).)*?^(?:Proxy-)?Authorization:\s*Digest ([^\r\n]*)", text, re.M | re.S
    )
    if not found:
        return "no credentials came"
    for method, value in found:
        if method == "ACK":  # has those of its INVITE (RFC 3261 22.2)
            continue
        given = {
            name.lower(): quoted or bare for name, quoted, bare in re.findall(r'(\w+)=(?:"([^"]*)"|([^",\s]+))', value)
        }
        algorithm = element.get("algorithm", "MD5")
        if given.get("algorithm", "MD5") != algorithm:
            return f"the credentials are of {given.get('algorithm')}, not {algorithm}"
        right = _response(method, element.attrib["user"], element.attrib["password"], given, algorithm)
        if given.get("response") != right:
            return f"the response of the digest is {given.get('response')}, not {right}"
    return None


def _response(method: str, user: str, password: str, given: Mapping[str, str], algorithm: str) -> str:
    make = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}[algorithm]

    def hashed(*parts: str) -> str:
        return hashlib.new(make, ":".join(parts).encode()).hexdigest()

    secret, asked = hashed(user, given["realm"], password), hashed(method, given["uri"])
    if "qop" not in given:
        return hashed(secret, given["nonce"], asked)
    return hashed(secret, given["nonce"], given["nc"], given["cnonce"], given["qop"], asked)


async def _ladder(element: Element, case: Case, scene: "Scene") -> str | None:
    """`<ladder like="INVITE" unlike="secret"/>`: the call's ladder and capture, as the command writes them."""
    folder = scene.running.path.parent
    if not await _comes_true(lambda: any(folder.rglob("*.jsonl"))):
        return "no ladder was kept"
    files = await asyncio.to_thread(lambda: [str(path) for path in folder.rglob("*.jsonl")])
    capture = folder / "ladder.pcap"
    shown = await _printed("ladder", "--full", *files)
    await _printed("ladder", "--pcap", str(capture), *files)
    written = await asyncio.to_thread(capture.read_bytes)
    if re.search(element.attrib["like"], shown, re.DOTALL) is None or re.search(element.attrib["unlike"], shown):
        return f"the ladder is not as it should be:\n{shown}"
    if b"INVITE sip:" not in written or re.search(element.attrib["unlike"].encode(), written):
        return "the capture is not as it should be"
    return None


async def _printed(*arguments: str) -> str:
    """What a command of ours prints."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "mediaserver",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await process.communicate()
    return printed.decode(errors="replace")


CHECKS: Mapping[str, Check] = {
    "log": _log,
    "told": _told,
    "digest": _digest,
    "seen": _seen,
    "unseen": _unseen,
    "ladder": _ladder,
}


def heard(elements: Sequence[Element], ears: Mapping[str, Ear]) -> str | None:
    """`<ear name="first" least="10" most="20" type="101"/>`: so many packets came."""
    for element in elements:
        payload_type = int(element.attrib["type"]) if "type" in element.attrib else None
        count = ears[element.attrib["name"]].count(payload_type)
        least, most = int(element.get("least", "0")), int(element.get("most", "1000000"))
        if "ends" in element.attrib and (ends := ears[name_of(element)].ends(payload_type or 0)) != int(
            element.attrib["ends"]
        ):
            return f"{name_of(element)} heard {ends} ends of events, not {element.attrib['ends']}"
        if not least <= count <= most:
            return f"{element.attrib['name']} heard {count} packets, not {least} to {most}"
    return None
