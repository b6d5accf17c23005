"""The metrics, for Prometheus: what calls have told, and how the server stands when it is asked."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from mediaserver.api.standing import Standing
from mediaserver.call.end import CallEnd
from mediaserver.talk.latency import TurnLatency

_SETUP_S: Final = (0.05, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 4, 8, 15, 30, 60)
_TURN_S: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10)
_MOST_REASONS: Final = 100
"""Reasons told apart: some hold a code of a provider's, and a metric must not grow without end."""
_PACKETS: Final = ("received", "sent", "lost", "late", "duplicate", "refused", "malformed", "unexpected", "unsent")
_AUDIO: Final = {
    "concealed": "concealed_ms",
    "comfort": "comfort_ms",
    "trimmed": "trimmed_ms",
    "uplink_dropped": "uplink_dropped_ms",
    "playout_dropped": "playout_dropped_ms",
    "late": "late_audio_ms",
}
_PROVIDER: Final = {
    "fault": "provider_faults",
    "reconnect": "reconnects",
    "rollover": "rollovers",
    "failover": "failovers",
}


class Metrics:
    """Counts what calls tell: a `call.tally.Tally`. `standing` is asked when the metrics are."""

    def __init__(self, standing: Callable[[], Standing]) -> None:
        self._registry = registry = CollectorRegistry()
        self._reasons: set[str] = set()
        self._refused = Counter(
            "mediaserver_calls_refused", "Attempts of which no call was made.", ("way", "reason"), registry=registry
        )
        self._ended = Counter("mediaserver_calls_ended", "Calls that are over.", ("way", "result", "reason"),
                              registry=registry)  # fmt: skip
        self._setup = Histogram("mediaserver_call_setup_seconds", "From the beginning of a call to its answer.",
                                ("way",), buckets=_SETUP_S, registry=registry)  # fmt: skip
        self._spoken = Counter("mediaserver_call_seconds", "Time of answered calls that are over.", ("way",),
                               registry=registry)  # fmt: skip
        self._turns = Histogram(
            "mediaserver_turn_seconds",
            "From the caller's last word to the answer's first packet (total), and its stages: endpoint until the "
            "model closed the turn, think until its first audio, playout until that left.",
            ("stage",),
            buckets=_TURN_S,
            registry=registry,
        )
        self._packets = Counter("mediaserver_rtp_packets", "RTP packets of calls that are over.", ("what",),
                                registry=registry)  # fmt: skip
        self._audio = Counter("mediaserver_audio_seconds", "Audio of calls that are over, by what became of it.",
                              ("what",), registry=registry)  # fmt: skip
        self._underruns = Counter("mediaserver_playout_underruns", "Times an agent's audio ran out in mid-word.",
                                  registry=registry)  # fmt: skip
        self._provider = Counter("mediaserver_provider_events", "Faults of models' sessions, and sessions replaced.",
                                 ("what",), registry=registry)  # fmt: skip
        self._responses = Counter("mediaserver_http_responses", "Responses by HTTP, by status.", ("status",),
                                  registry=registry)  # fmt: skip
        registry.register(_Standing(standing))
        ProcessCollector(registry=registry)

    def exposition(self) -> bytes:
        """All of it as text (Prometheus' format 0.0.4)."""
        return generate_latest(self._registry)

    def responded(self, status: int) -> None:
        """A request was answered by HTTP."""
        self._responses.labels(str(status)).inc()

    def refused(self, way: str, reason: str) -> None:
        """No call was made of an attempt."""
        self._refused.labels(way, self._known(reason)).inc()

    def answered(self, way: str, seconds: float) -> None:
        """A call was answered, so long after it began."""
        self._setup.labels(way).observe(seconds)

    def turned(self, latency: TurnLatency) -> None:
        """An agent has answered a caller's turn."""
        for stage in ("endpoint", "think", "playout", "total"):
            self._turns.labels(stage).observe(getattr(latency, f"{stage}_ms") / 1000)

    def ended(self, way: str, end: CallEnd, spoken_s: float, counters: Mapping[str, float]) -> None:
        """A call is over, and the media plane has let go."""
        self._ended.labels(way, end.result.value, self._known(end.reason)).inc()
        self._spoken.labels(way).inc(spoken_s)
        for name in _PACKETS:
            _add(self._packets.labels(name), counters.get(name, 0))
        for what, name in _AUDIO.items():
            _add(self._audio.labels(what), counters.get(name, 0) / 1000)
        for what, name in _PROVIDER.items():
            _add(self._provider.labels(what), counters.get(name, 0))
        _add(self._underruns, counters.get("underruns", 0))

    def _known(self, reason: str) -> str:
        if reason not in self._reasons:
            if len(self._reasons) >= _MOST_REASONS:
                return "other"
            self._reasons.add(reason)
        return reason


def _add(counter: Counter, amount: float) -> None:
    # An expected number of packets may turn out lower than what came: lost is then negative (RFC 3550 6.4.1).
    counter.inc(max(0.0, amount))


class _Standing(Collector):
    """How the server stands, asked at the time."""

    def __init__(self, standing: Callable[[], Standing]) -> None:
        self._standing = standing

    def collect(self) -> Iterator[Metric]:
        """The gauges."""
        now = self._standing()
        calls = GaugeMetricFamily("mediaserver_calls", "Calls that are not over, by the way they came.", labels=["way"])
        for way, count in sorted(now.calls.items()):
            calls.add_metric([way], count)
        yield calls
        for name, what, value in (
            ("calls_max", "Calls that may be at once.", now.max_calls),
            ("whip_sessions", "WHIP sessions that are not over.", now.sessions),
            ("browser_places", "Browsers with a place on the shared UDP port.", now.places),
            ("phones_registered", "Phones that are registered.", now.phones),
            ("event_loop_lag_seconds", "By how much the server is late with its work.", now.lag_s),
        ):
            yield GaugeMetricFamily(f"mediaserver_{name}", what, value)
