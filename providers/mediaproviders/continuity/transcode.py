"""Between the audio a call was set up for and what another model takes."""

from collections.abc import Callable, Sequence
from typing import Final

from mediacodecs.signal.resample import RATES
from mediaproviders.contract import Audio, AudioDone, AudioFormat, Event, Interrupted, ProviderError, ResponseDone
from mediaproviders.transcode import Transcoder

_G711: Final = frozenset({"pcmu", "pcma"})


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
