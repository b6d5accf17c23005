"""Between the audio a call was set up for and what another model takes."""

from collections.abc import Callable, Sequence
from typing import Final

from mediacodecs.g711 import ALAW_TO_ULAW, CODECS, ULAW_TO_ALAW, Encoding
from mediacodecs.pcm import Pcm, from_bytes, to_bytes
from mediacodecs.signal.resample import RATES, Resampler
from mediaproviders.contract import Audio, AudioDone, AudioFormat, Event, Interrupted, ProviderError, ResponseDone

_G711: Final[dict[str, Encoding]] = {"pcmu": "PCMU", "pcma": "PCMA"}


def choose(wanted: AudioFormat, offered: Sequence[AudioFormat]) -> AudioFormat:
    """The nearest of the formats a model has: the very same, the other law, or the least PCM that loses nothing.

    Raises ProviderError if it has none that can be converted.
    """
    if wanted in offered or not offered:
        return wanted
    usable = [each for each in offered if each.rate in RATES]
    law = [each for each in usable if each.encoding in _G711] if wanted.encoding in _G711 else []
    pcm = [each for each in usable if each.encoding == "pcm16"]
    enough = sorted((each for each in pcm if each.rate >= wanted.rate), key=lambda each: each.rate)
    highest = sorted(pcm, key=lambda each: -each.rate)
    best = next(iter([*law, *enough, *highest, *usable]), None)
    if best is None or wanted.rate not in RATES:
        raise ProviderError(
            f"{wanted} cannot be converted to any of {tuple(offered)}", code="invalid_configuration", retryable=False
        )
    return best


def linear(data: bytes, audio: AudioFormat) -> Pcm:
    """Whole samples of `audio` as linear ones."""
    law = _G711.get(audio.encoding)
    return from_bytes(data) if law is None else CODECS[law].decode(data)


class Transcoder:
    """Converts one stream from `source` to `target`. ValueError for rates that cannot be converted."""

    def __init__(self, source: AudioFormat, target: AudioFormat) -> None:
        self._source = source
        self._law = _G711.get(target.encoding)
        self._resampler = Resampler(source.rate, target.rate)
        self._odd = b""
        self._table: bytes | None = None
        if source.encoding in _G711 and target.encoding in _G711:
            self._table = ULAW_TO_ALAW if source.encoding == "pcmu" else ALAW_TO_ULAW

    def convert(self, data: bytes) -> bytes:
        """The next piece, of any length; a little may wait for the piece after it."""
        if self._table is not None:
            return data.translate(self._table)
        if self._source.encoding == "pcm16" and (self._odd or len(data) % 2):
            data = self._odd + data
            whole = len(data) // 2 * 2
            data, self._odd = data[:whole], data[whole:]
        return self._encoded(self._resampler.process(linear(data, self._source)))

    def flush(self) -> bytes:
        """What waits inside; the next piece begins another stream."""
        self._odd = b""
        return b"" if self._table is not None else self._encoded(self._resampler.flush())

    def _encoded(self, pcm: Pcm) -> bytes:
        return to_bytes(pcm) if self._law is None else CODECS[self._law].encode(pcm)


def uplink(source: AudioFormat, target: AudioFormat, send: Callable[[bytes], None]) -> Callable[[bytes], None]:
    """Where caller audio in `source` is to be put for a session that takes it in `target` by `send`."""
    if source == target:
        return send
    convert = Transcoder(source, target).convert

    def feed(data: bytes) -> None:
        if converted := convert(data):
            send(converted)

    return feed


class Downlink:
    """The audio in a session's events, converted item by item."""

    def __init__(self, source: AudioFormat, target: AudioFormat, take: Callable[[Event], None]) -> None:
        self._transcoder = Transcoder(source, target)
        self._take = take
        self._playing: tuple[str, str] | None = None
        """Item and response whose last samples are still inside."""

    def put(self, event: Event) -> None:
        """The next event of the session."""
        match event:
            case Audio(item=item, response=response, data=data):
                if self._playing != (item, response):
                    self._finish()
                    self._playing = (item, response)
                if converted := self._transcoder.convert(data):
                    self._take(Audio(item, response, converted))
                return
            case AudioDone() | ResponseDone():
                self._finish()
            case Interrupted():
                self._transcoder.flush()
                self._playing = None
        self._take(event)

    def _finish(self) -> None:
        playing, self._playing = self._playing, None
        if playing is not None and (tail := self._transcoder.flush()):
            self._take(Audio(*playing, tail))
