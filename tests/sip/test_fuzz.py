"""Hostile octets: `parse` and `StreamParser` give a message or a RemoteProtocolError, and never take long."""

import random
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediaserver.errors import RemoteProtocolError
from mediaserver.sip.framing import HEAD_END, MAX_MESSAGE
from mediaserver.sip.message import MalformedRequest, Message, parse
from mediaserver.sip.stream import StreamParser
from support.sip_messages import EVERY, ODD_BUT_VALID, request

CORPUS = sorted((Path(__file__).parents[1] / "vectors" / "sip_fuzz").glob("*.sip"))
SEEDS = [vector.octets for vector in EVERY if len(vector.octets) < 3000]
DICTIONARY = [
    b"\r\n", b"\n", b"\r", b"\r\n ", b"\r\n\r\n", b"\t", b" ", b"\0", b"\xff", b"\xc3", b"\xc2\xa0", b"\xd9\xa3",
    b"\xc5\xbf",
    b'"', b"\\", b"<", b">", b",", b";", b";;", b":", b"=", b"@", b"?", b"[", b"]", b"%", b"%00", b"%2", b"/", b"*",
    b"SIP/2.0", b"SIP/2.0/UDP ", b"sip:", b"tel:", b"-1", b"0", b"99999999999999999999", b";tag=", b";branch=",
    b";rport",
    b"Via: ", b"v:", b"l:", b"Content-Length: 4\r\n", b"CSeq: ", b"ACK", b"INVITE", b"Contact: *\r\n", b"Route: ",
]  # fmt: skip


def mutated(octets: bytes, chance: random.Random) -> bytes:
    """`octets` with one to six pieces cut out, doubled, overwritten or put in."""
    text = bytearray(octets)
    for _ in range(chance.randint(1, 6)):
        place = chance.randrange(len(text) + 1)
        end = min(len(text), place + chance.choice((1, 1, 2, 5, 40)))
        match chance.randrange(5):
            case 0:
                del text[place:end]
            case 1:
                text[place:place] = chance.choice(DICTIONARY)
            case 2:
                text[place:end] = chance.choice(DICTIONARY)
            case 3:
                text[place:place] = text[place:end]
            case _:
                text[place:end] = chance.randbytes(end - place)
    return bytes(text)


def check(octets: bytes) -> Message | None:
    """Parse, and hold the result to all that is promised of one; None if refused."""
    try:
        message = parse(octets)
    except MalformedRequest as refusal:
        assert refusal.status in range(400, 700)
        partial = refusal.partial
        assert partial.via.host
        answer = bytes(partial.response(refusal.status, to_tag="t"))
        head, _, _ = answer.partition(b"\r\n\r\n")
        assert b"\n" not in head.replace(b"\r\n", b"") and b"\r" not in head.replace(b"\r\n", b"")
        return None
    except RemoteProtocolError as drop:
        assert drop.status is None
        return None
    assert message.via.host and message.cseq.method and message.call_id
    assert message.from_ and message.to and (message.contact is None or message.contact.uri)
    _ = message.max_forwards if hasattr(message, "method") else None
    again = parse(bytes(message))
    assert again == message
    assert bytes(again) == bytes(message)
    return message


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_corpus(path: Path) -> None:
    check(path.read_bytes())


def test_the_corpus_is_there() -> None:
    assert len(CORPUS) >= 20


def test_mutations_of_sound_and_broken_messages() -> None:
    chance = random.Random(4475)
    sound = [octets for octets in ODD_BUT_VALID.values() if len(octets) < 3000]
    parsed = sum(check(mutated(chance.choice(sound), chance)) is not None for _ in range(2500))
    assert parsed > 150, "some must still parse, or what lies behind the parser is never reached"
    for _ in range(1500):
        check(mutated(chance.choice(SEEDS), chance))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_random_octets(octets: bytes) -> None:
    check(octets)
    check(b"SIP/2.0 200 OK\r\n" + octets)
    check(request(extra=octets.decode("latin-1")))


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(
        ["Via", "From", "To", "Call-ID", "CSeq", "Contact", "Route", "Record-Route", "Content-Length", "X"]
    ),
    st.text(alphabet='SIP/2.0UDP<sip:a@h>;tag=1,"\\[]%? \t*é\udcff', max_size=40),
)
def test_random_field_values(name: str, value: str) -> None:
    check(request({name: value}))
    check(request(extra=f"{name}: {value}\r\n"))


def stream_agrees(octets: bytes) -> None:
    """Fed whole or by the octet, a stream gives the same messages and the same fault."""
    whole, slow = StreamParser(), StreamParser()
    outcomes = []
    for parser, pieces in ((whole, [octets]), (slow, [octets[i : i + 1] for i in range(len(octets))])):
        messages: list[bytes] = []
        failed = False
        for piece in [*pieces, b""]:
            try:
                messages += parser.feed(piece)
            except RemoteProtocolError as fault:
                assert fault.status is None
                failed = True
                break
        outcomes.append((messages, failed, parser.pings))
    assert outcomes[0] == outcomes[1]
    for message in outcomes[0][0]:
        assert HEAD_END.search(message)
        check(message)


def test_streams_of_mutated_messages() -> None:
    chance = random.Random(5626)
    seeds = [seed for seed in SEEDS if len(seed) < 1000]
    for _ in range(250):
        octets = b"\r\n\r\n".join(chance.choices(seeds, k=2))
        stream_agrees(mutated(octets, chance))


def test_streams_of_everything() -> None:
    for octets in SEEDS:
        if len(octets) < 1000:
            stream_agrees(octets)


PUMPS = {
    "escaped quotes": b'"' + b'\\"a' * 2600,
    "quotes": b'"' * 8000,
    "brackets": b"<" * 8000,
    "commas": b"," * 8000,
    "blanks": b" " * 8000 + b"x",
    "semicolons and blanks": b"; " * 4000,
    "equal signs": b"a=" * 4000,
    "slashes": b"SIP / 2.0 / " * 600,
    "percent signs": b"%41" * 2600,
    "colons": b"sip:" + b":" * 8000,
    "open literal": b"sip:[" + b"1:" * 4000,
    "digits": b"1" * 8000,
}


@pytest.mark.parametrize("pump", PUMPS)
def test_no_text_takes_long(pump: str) -> None:
    text = PUMPS[pump].decode()
    names = ("Via", "From", "To", "CSeq", "Contact", "Route", "Content-Length", "Date", "Max-Forwards")
    attacks = [request(extra=f"{name}: {text}\r\n" * 6) for name in names]
    attacks += [request({name: text}) for name in names]
    attacks += [
        request(line=f"OPTIONS {text} SIP/2.0"),
        PUMPS[pump] * 8,
        request(extra=("X:\r\n " + text + "\r\n") * 6),
    ]
    for attack in attacks:
        attack = attack[:MAX_MESSAGE]
        before = time.process_time()
        check(attack)
        assert time.process_time() - before < 0.25, "a datagram must not stop every call"


def test_the_seeds_still_parse() -> None:
    for octets in ODD_BUT_VALID.values():
        assert check(octets) is not None
