"""The media of one caller: what a performance says goes out on an exact clock, all that comes in is logged."""

import asyncio
import secrets
import time
from collections.abc import Callable

import numpy as np

from mediaserver.load.ear import Ear
from mediaserver.load.echo import EchoPath
from mediaserver.load.recording import RATE, Arrival, Samples, Track, parse_arrival
from mediaserver.load.script import Leave, Performance
from mediaserver.load.voice import ClockFace, decoders, encoder
from mediaserver.net.rtp_port import Address
from mediaserver.net.wheel import Spoke, Wheel
from mediaserver.rtp.dtmf import EventSender
from mediaserver.rtp.packet import build
from mediaserver.sdp.plan import MediaPlan, PayloadFormat
from mediaserver.webrtc.identity import Identity
from mediaserver.webrtc.secure_port import Port, SecurePort

DIGIT_MS, GAP_MS = 100, 60


class MediaLine:
    """Sends a packet every ptime from :meth:`start` on, silence included, and hears the agent.

    `encoder` makes what encodes a format. One packet of `listen_every` is decoded on arrival.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        port: Port,
        identity: Identity | None = None,
        *,
        encoder: Callable[[PayloadFormat], Callable[[Samples], bytes]] = encoder,
        listen_every: int = 1,
    ) -> None:
        self._port: Port | SecurePort = port
        self._identity = identity
        self._encoder = encoder
        self._listen_every = listen_every
        self._playing = False
        self._wheel = Wheel(loop)
        self._spoke: Spoke | None = None
        self._events = EventSender(DIGIT_MS, GAP_MS)
        self._sequence = secrets.randbits(16)
        self._timestamp = secrets.randbits(32)
        self._ssrc = secrets.randbits(32)
        self._spoken: list[Samples] = []
        self._began_at = 0.0
        self._talking = False
        self.ear = Ear()
        self.echo: EchoPath | None = None
        """What gives back what is heard; None: a phone held to the ear."""
        self.arrivals: list[Arrival] = []

    def start(self, plan: MediaPlan, performance: Performance, leave: Callable[[Leave], None]) -> None:
        """Begin to send and to listen as agreed. `leave` is told when the performance wants to go."""
        self._performance, self._leave = performance, leave
        self._length = RATE * plan.ptime_ms // 1000
        self._events = EventSender(DIGIT_MS, GAP_MS, plan.event_clock_rate)
        self._silence = np.zeros(self._length, dtype=np.int16)
        if plan.source is not None:
            self._ssrc = plan.source.ssrc
        self.change(plan)
        self._playing = True
        self._listen()
        self._spoke = self._wheel.add(plan.ptime_ms, self._turn)

    def change(self, plan: MediaPlan) -> None:
        """Send as newly agreed, from the next packet on; the ptime stays."""
        self._plan = plan
        self._protect(plan)
        self._encode = self._encoder(plan.send)
        self._decoders = decoders(plan)
        self._clock = ClockFace(plan)
        self._step = plan.send.clock_rate * plan.ptime_ms // 1000
        self._event_step = plan.event_clock_rate * plan.ptime_ms // 1000

    def _protect(self, plan: MediaPlan) -> None:
        if isinstance(self._port, SecurePort):
            self._port.follow(plan, time.monotonic())
        elif plan.security is not None or plan.ice is not None:
            self._port = SecurePort(self._port, self._identity)
            self._port.follow(plan, time.monotonic())
            if self._playing:
                self._listen()

    def _listen(self) -> None:
        self._port.listen(self._received, lambda packet, source, now: None)

    @property
    def suite(self) -> str | None:
        """The SRTP suite in use; None: media go in the clear."""
        return self._port.suite if isinstance(self._port, SecurePort) else None

    def stop(self) -> None:
        """Send no more; safe to call twice."""
        if isinstance(self._port, SecurePort):
            self._port.rest()
        if self._spoke is not None:
            self._wheel.close()
            self._spoke = None

    def said(self) -> Track | None:
        """All that was sent, with silence for packets left out and keys pressed."""
        return Track(np.concatenate(self._spoken), self._began_at) if self._spoken else None

    def heard(self) -> list[Arrival]:
        """The packets with audio in them, as they arrived."""
        return [arrival for arrival in self.arrivals if arrival.payload_type in self._decoders]

    def _received(self, packet: bytes, source: Address, now: float) -> None:
        arrival = parse_arrival(now, packet)
        if arrival is None:
            return
        arrival.timestamp = self._clock.read(arrival.ssrc, arrival.payload_type, arrival.timestamp)
        self.arrivals.append(arrival)
        decode = self._decoders.get(arrival.payload_type)
        if decode is not None and len(self.arrivals) % self._listen_every == 0:
            samples = decode(arrival.payload)
            self.ear.hear(samples, now)
            if self.echo is not None:
                self.echo.hear(samples)

    def _turn(self, now: float) -> None:
        if not self._spoken:
            self._began_at = now
        # The script's clock is the stream's, not that of the wheel's slightly uneven turns.
        now = self._began_at + len(self._spoken) * self._length / RATE
        spoken = self._silence
        if self._events.busy:
            self._send_event_or(spoken)
        else:
            match self._performance.frame(now):
                case None:
                    self._talking = False
                case str(key):
                    self._events.press(key)
                    self._send_event_or(spoken)
                case Leave() as how:
                    self._leave(how)
                    return
                case frame:
                    spoken = frame if self.echo is None else self.echo.over(frame)
                    self._send_audio(spoken)
        self._timestamp += self._step
        self._spoken.append(spoken)

    def _send_audio(self, frame: Samples) -> None:
        # The marker begins a talkspurt: here, the first packet after a pause in the stream (RFC 3551 4.1).
        self._send(self._plan.send.payload_type, self._timestamp, self._encode(frame), not self._talking)
        self._talking = True

    def _send_event_or(self, frame: Samples) -> None:
        event = self._events.frame(self._timestamp, self._event_step)
        if event is None or self._plan.event_send is None:
            self._send_audio(frame)
            return
        payload, timestamp, marker = event
        self._send(self._plan.event_send, timestamp, payload, marker)

    def _send(self, payload_type: int, timestamp: int, payload: bytes, marker: bool) -> None:
        packet = build(payload_type, self._sequence, timestamp, self._ssrc, payload, marker=marker)
        self._sequence += 1
        self._port.send_rtp(packet, self._plan.remote_rtp)
