"""One media leg: its sockets and its place on the wheel, around a pure session.

This is the whole path of a packet in our hands: socket → session → uplink, and playout → session → socket.
"""

import time
from collections.abc import Callable
from typing import Protocol

from mediacodecs import registry
from mediaserver.errors import LocalProtocolError
from mediaserver.net.wheel import Spoke, Wheel
from mediaserver.rtp.plan import StreamPlan
from mediaserver.rtp.playout import ItemEnded, ItemStarted
from mediaserver.rtp.session import MediaSession
from mediaserver.sdp.plan import MediaPlan, PayloadFormat
from mediaserver.talk.ports import LegPorts, Lender
from mediaserver.talk.uplink import Uplink
from mediaserver.webrtc.identity import Identity
from mediaserver.webrtc.patience import USUAL, Patience
from mediaserver.webrtc.secure_port import Address, Port, SecurePort

type Played = Callable[[list[ItemStarted | ItemEnded], float], None]
"""Told what playout began and ended, with the time."""


class Ear(Protocol):
    """Who hears a leg."""

    def take(self, payload: bytes, now: float) -> None:
        """The next octets of the uplink."""


def codec_of(form: PayloadFormat) -> str:
    """The codec of a payload format, by its name in the registry. Only what we speak is ever agreed to."""
    name = registry.name_of(form.encoding, form.clock_rate, form.channels)
    if name is None:
        raise LocalProtocolError(f"agreed to a codec that we do not have: {form}")
    return name


def stream_plan(plan: MediaPlan) -> StreamPlan:
    """What an RTP session needs of a media plan."""
    return StreamPlan(
        send_payload_type=plan.send.payload_type,
        send_encoding=codec_of(plan.send),
        send_fmtp=plan.send.fmtp,
        receive={form.payload_type: codec_of(form) for form in plan.receive},
        ptime_ms=plan.ptime_ms,
        sends=plan.direction.sends,
        # Who sends without listening has us on hold: what comes is music, and nobody is to answer it.
        receives=plan.direction.receives and plan.direction.sends,
        remote_rtp=plan.remote_rtp,
        remote_rtcp=plan.remote_rtcp,
        event_send=plan.event_send,
        event_receive=plan.event_receive,
        event_clock_rate=plan.event_clock_rate,
        events_receive=plan.events_receive,
        comfort_noise_send=plan.comfort_noise_send,
        comfort_noise_receive=plan.comfort_noise_receive,
        rtcp_mux=plan.rtcp_mux,
        signalled=plan.signalled,
        audio_level=plan.extensions.audio_level,
        transport_sequence=plan.extensions.transport_sequence,
        reduced_rtcp=plan.extensions.reduced_rtcp,
        ssrc=None if plan.source is None else plan.source.ssrc,
        cname=None if plan.source is None else plan.source.cname,
    )


class Leg:
    """A session on real sockets. `uplink` gets the caller's audio; `playout` is what the caller gets.

    `identity` is who we are in DTLS.
    """

    def __init__(
        self,
        lender: Lender,
        port: Port,
        wheel: Wheel,
        identity: Identity | None = None,
        patience: Patience = USUAL,
    ) -> None:
        self.ports = LegPorts(lender, port, identity, patience, self._no_keys)
        self._port: Port | SecurePort = port
        self._wheel = wheel
        self._spoke: Spoke | None = None
        self._period_ms = 0
        self._rtcp_mux = False
        self._played: Played | None = None
        self.session: MediaSession | None = None
        self.uplink: Uplink | None = None
        self._ear: Ear | None = None
        self.happened: Callable[[], None] | None = None
        """Called soon after the session has something to tell."""
        self.unprotected: Callable[[str], None] | None = None
        """Told why media will not flow as agreed."""
        self.vanished: Callable[[float], None] | None = None
        """Told that the peer has given no sign for so many seconds, though it has to, even on hold."""
        self.left: Callable[[], None] | None = None
        """Told that the peer has closed its media."""

    @property
    def unsent(self) -> int:
        """Packets the socket did not take, or that had no key yet."""
        return self.ports.unsent

    @property
    def ptime_ms(self) -> int:
        """Of what we send; 0 before it begins."""
        return self._period_ms

    def protect(self, plan: MediaPlan, now: float) -> None:
        """Encrypt media and answer connectivity checks as newly agreed; before `begin` or `change`."""
        before = self._port
        self.ports.follow(plan, now)
        self._port = port = self.ports.outer
        if isinstance(port, SecurePort):
            port.vanished, port.left = self._vanished, self._left
        if port is not before and self.session is not None:
            port.listen(self._rtp_arrived, self._rtcp_arrived)
            self._start_when_open()

    def _no_keys(self, why: str) -> None:
        if self.unprotected is not None:
            self.unprotected(why)

    def _vanished(self, seconds: float) -> None:
        if self.vanished is not None:
            self.vanished(seconds)

    def _left(self) -> None:
        if self.left is not None:
            self.left()

    def refused(self) -> dict[str, float]:
        """What was not taken because it was not protected as agreed, by name."""
        return self._port.counters() if isinstance(self._port, SecurePort) else {}

    def begin(self, session: MediaSession, uplink: Uplink, plan: StreamPlan, played: Played) -> None:
        """Open the stream in both directions.

        What is to be sent waits until it gets to the peer: first words are not lost while keys and a way are found.
        """
        self.session, self.uplink, self._played = session, uplink, played
        self._ear = uplink
        self._port.listen(self._rtp_arrived, self._rtcp_arrived)
        self._follow(plan)

    def change(self, plan: StreamPlan, now: float) -> None:
        """A new description was agreed."""
        if self.session is not None:
            self.session.update(plan, now)
            self._follow(plan)

    def hand_to(self, ear: Ear | None) -> None:
        """Have what comes heard by `ear` and no longer by the uplink; None: by that again."""
        self._ear = self.uplink if ear is None else ear

    def _follow(self, plan: StreamPlan) -> None:
        self._rtcp_mux = plan.rtcp_mux
        if plan.ptime_ms == self._period_ms:
            return
        self._period_ms = plan.ptime_ms
        spoke, self._spoke = self._spoke, None
        if spoke is None:
            self._start_when_open()
        else:
            self._wheel.remove(spoke)
            self._start()

    def _start_when_open(self) -> None:
        """Begin to send: now, unless keys or a way are still being found."""
        port = self._port
        if isinstance(port, SecurePort) and not port.open:
            port.opened = self._start
        else:
            self._start()

    def _start(self) -> None:
        if self.session is not None and self._spoke is None:
            self._spoke = self._wheel.add(self._period_ms, self._turn)
            self.session.start(self._wheel.next_time(self._spoke))

    def speak_now(self, now: float) -> None:
        """Discontinuous downlink: a talkspurt need not wait for its slot."""
        session, spoke = self.session, self._spoke
        if session is None or spoke is None:
            return
        # Its following packets leave from a slot of the wheel, so that slot's time is the talkspurt's schedule.
        if session.speak_now(now, self._send, self._wheel.slot_time(now)):
            self._spoke = self._wheel.move(spoke, now)

    def housekeeping(self, now: float) -> None:
        """Once a second: RTCP when it is due, and whether the peer is there."""
        session = self.session
        if session is not None and (report := session.rtcp_due(now)) is not None:
            self._send_rtcp(report)
        if isinstance(self._port, SecurePort):
            self._port.watch(now)

    def close(self) -> None:
        """Say goodbye (RTCP BYE) and release sockets and slot; safe to call twice."""
        if self._spoke is not None:
            self._wheel.remove(self._spoke)
            self._spoke = None
        if self.session is not None:
            self._send_rtcp(self.session.goodbye(time.monotonic()))
            self.session = None
        self.ports.close()

    # --- hot: once per packet each way ----------------------------------------------------------------------------

    def _rtp_arrived(self, packet: bytes, source: Address, now: float) -> None:
        session, ear = self.session, self._ear
        if session is None or ear is None:
            return
        payload = session.rtp_received(packet, source, now)
        if payload is not None:
            ear.take(payload, now)
        if session.backlog:
            for late in session.take_backlog():
                ear.take(late, now)

    def _turn(self, now: float) -> None:
        session, ear = self.session, self._ear
        if session is None or ear is None:
            return
        session.tick(now, self._send)
        extensions = session.extensions
        if extensions is not None and extensions.feedback is not None and now >= extensions.feedback.due:
            self._send_rtcp(session.feedback())
        silence = session.overdue(now)
        if silence is not None:
            ear.take(silence, now)
        if session.backlog:
            for late in session.take_backlog():
                ear.take(late, now)
        if session.eventful and self.happened is not None:
            self.happened()
        playout = session.playout
        playout.work()
        if (events := playout.events()) and self._played is not None:
            self._played(events, now)

    def _send(self, packet: bytes) -> None:
        session = self.session
        if session is not None:
            self._port.send_rtp(packet, session.destination)

    # --- rare -------------------------------------------------------------------------------------------------------

    def _rtcp_arrived(self, packet: bytes, source: Address, now: float) -> None:
        if self.session is not None:
            self.session.rtcp_received(packet, source, now)

    def _send_rtcp(self, packet: bytes) -> None:
        session = self.session
        if session is None:
            return
        if self._rtcp_mux:
            self._port.send_rtp(packet, session.rtcp_destination)
        else:
            self._port.send_rtcp(packet, session.rtcp_destination)
