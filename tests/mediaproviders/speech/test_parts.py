"""What all services share: long texts, audio in pieces, files, patience."""

import asyncio
import io
import wave

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediacodecs.g711 import PCMA as CODEC
from mediaproviders.contract import PCM16_8K, PCM16_16K, PCMA, PCMU, ProviderError
from mediaproviders.speech.loopback import is_loopback
from mediaproviders.speech.pieces import Pieces
from mediaproviders.speech.stream import Patience
from mediaproviders.speech.texts import octets, parts, speakable
from mediaproviders.speech.utterance import CollectedUtterance
from mediaproviders.speech.wav import wav


@given(st.text(), st.integers(4, 50))
def test_parts_lose_nothing_but_spaces(text, most):
    for size in (len, octets):
        cut = list(parts(text, most, size))
        assert all(0 < size(part) <= most for part in cut)
        assert "".join("".join(cut).split()) == "".join(text.split())


@pytest.mark.parametrize(
    ("text", "most", "cut"),
    [
        ("", 10, []),
        ("  \n ", 10, []),
        ("One. Two. Three.", 100, ["One. Two. Three."]),
        ("One. Two. Three.", 10, ["One. Two.", "Three."]),
        ("Costs 3.50 euros", 9, ["Costs", "3.50", "euros"]),
        ("Yes. Abcdefghijk lmn", 16, ["Yes. Abcdefghijk", "lmn"]),  # the sentence ends too early to stop at it
        ("abcdefghij", 4, ["abcd", "efgh", "ij"]),
        ("一二三。四五六。七", 5, ["一二三。", "四五六。七"]),
    ],
)
def test_where_texts_are_cut(text, most, cut):
    assert list(parts(text, most)) == cut


def test_what_can_be_said_aloud():
    assert speakable("no. 5") and speakable("да") and not speakable(" …!? ") and not speakable("")


def test_samples_are_put_together():
    pieces = Pieces("Hello.", PCM16_8K)
    assert [pieces.take(each) for each in (b"a", b"bc", b"", b"defg", b"h")] == [b"", b"ab", b"", b"cdef", b"gh"]
    pieces.end()
    assert Pieces("Hello.", PCMU).take(b"abc") == b"abc"


def test_audio_without_end_and_no_audio():
    pieces = Pieces("Hi", PCMU)
    pieces.take(bytes(8 * 32_000))
    with pytest.raises(ProviderError, match="does not stop"):
        pieces.take(b"x")
    with pytest.raises(ProviderError, match="without any audio"):
        Pieces("Hi", PCMU).end()
    half = Pieces("Hi", PCM16_8K)
    half.take(b"x")
    with pytest.raises(ProviderError, match="without any audio"):
        half.end()
    Pieces("...", PCMU).end()


def test_wav_files():
    def read(file):
        with wave.open(io.BytesIO(file)) as reader:
            shape = reader.getnchannels(), reader.getsampwidth(), reader.getframerate()
            return shape, np.frombuffer(reader.readframes(reader.getnframes()), "<i2")

    shape, samples = read(wav(b"\x01\x00\x02\x00\x03", PCM16_16K))
    assert shape == (1, 2, 16000) and samples.tolist() == [1, 2]
    octet_values = bytes(range(256))
    shape, samples = read(wav(octet_values, PCMA))
    assert shape == (1, 2, 8000) and samples.tolist() == CODEC.decode(octet_values).tolist()


async def test_patience():
    async def pieces(*delays):
        for delay in delays:
            await asyncio.sleep(delay)
            yield delay

    patience = Patience(0.2, 0.05)
    assert [each async for each in patience.all(pieces(0.08, 0.0, 0.01))] == [0.08, 0.0, 0.01]
    assert [each async for each in patience.all(pieces())] == []
    for delays, code in (((5,), "timeout"), ((0.0, 5), "stalled")):
        with pytest.raises(ProviderError) as raised:
            _ = [each async for each in patience.all(pieces(*delays))]
        assert raised.value.code == code


async def test_a_turn_is_collected_within_bounds():
    given = []

    async def recognise(audio):
        given.append(len(audio))
        return " words "

    utterance = CollectedUtterance(PCMU, recognise, 1.0)
    for _ in range(400):
        utterance.push(bytes(8000))
    assert await utterance.finish() == "words"
    assert given == [300 * 8000]
    short = CollectedUtterance(PCMU, recognise, 1.0)
    short.push(bytes(799))
    assert await short.finish() == "" and len(given) == 1


async def test_a_recogniser_without_an_answer():
    stopped = asyncio.Event()

    async def recognise(_):
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    utterance = CollectedUtterance(PCMU, recognise, 0.05)
    utterance.push(bytes(8000))
    with pytest.raises(ProviderError) as raised:
        await utterance.finish()
    assert raised.value.code == "timeout" and stopped.is_set()


@pytest.mark.parametrize(
    ("url", "loops"),
    [
        ("http://127.0.0.1:8000/v1", True),
        ("https://localhost", True),
        ("http://[::1]:80", True),
        ("127.0.0.1:50051", True),
        ("https://api.openai.com/v1", False),
        ("10.0.0.1:1", False),
        (None, False),
    ],
)
def test_loopback(url, loops):
    assert is_loopback(url) is loops
