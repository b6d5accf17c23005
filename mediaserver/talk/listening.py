"""The detectors that judge callers' speech where we decide interruptions: all of them in one batch."""

from mediacodecs.signal.vad import DetectorPool, SileroBatch, SpeechDetector
from mediaserver.net.wheel import Spoke, Wheel
from mediaserver.talk.conversation import Talk
from mediaserver.talk.uplink import Uplink

_EVERY_MS = 20
"""A model run costs more than a window in it: fewer runs with more windows each are cheaper."""
_SPEECH = 0.5
_WINDOW_MS = 32


class Listening:
    """Who is listened to. Without `pool` one is made for the first call that needs it, which takes a moment."""

    def __init__(self, wheel: Wheel, pool: DetectorPool | None) -> None:
        self._wheel = wheel
        self._pool = pool
        self._talks: dict[SpeechDetector, Talk] = {}
        self._spoke: Spoke | None = None

    @property
    def busy(self) -> bool:
        """Somebody is listened to."""
        return self._spoke is not None

    def begin(self, talk: Talk, uplink: Uplink) -> SpeechDetector:
        """Judge what passes through `uplink`."""
        if self._pool is None:
            self._pool = DetectorPool(SileroBatch())
        detector = self._pool.detector()
        self._talks[detector] = talk
        uplink.listen_in(detector, talk.hint)
        if self._spoke is None:
            self._spoke = self._wheel.add(_EVERY_MS, self.turn)
        return detector

    def end(self, detector: SpeechDetector) -> None:
        """Leave one alone."""
        self._talks.pop(detector, None)
        detector.close()
        if not self._talks and self._spoke is not None:
            self._wheel.remove(self._spoke)
            self._spoke = None

    def turn(self, now: float) -> None:
        """Run the detectors, and tell the conversations what they say."""
        pool = self._pool
        if pool is None:
            return
        for detector, probability in pool.run():
            talk = self._talks.get(detector)
            if talk is not None:
                talk.judged(now, _WINDOW_MS, probability >= _SPEECH)

    def figures(self) -> dict[str, float] | None:
        """How much was judged; None: nothing ever was."""
        pool = self._pool
        if pool is None:
            return None
        return {"open_share": round(pool.open_share, 4), "windows": pool.windows, "runs": pool.runs}
