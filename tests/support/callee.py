"""A telephone that answers: rings, plays a sound for ever, keeps what it was sent, and hangs up if told to."""

import secrets
import time
from contextlib import asynccontextmanager

import numpy as np

from mediacodecs.g711 import CODECS
from mediaserver.net.flows import SipShell
from mediaserver.net.rtp_port import PortRange
from mediaserver.net.wheel import Wheel
from mediaserver.rtp.dtmf import EventReceiver
from mediaserver.rtp.packet import build, parse
from mediaserver.sdp.negotiate import Capabilities, answer
from mediaserver.sip.authenticator import DigestAuthenticator
from mediaserver.sip.digest_door import DigestDoor
from mediaserver.sip.endpoint import SipEndpoint
from mediaserver.sip.events import Cancelled, Ended, IncomingCall


class Callee:
    """`sound` (8 kHz) goes out from the answer on, then silence. Everything received is kept."""

    def __init__(self, loop, sound, *, refuse=None, hang_up_after_s=None, users=None):
        self.loop = loop
        self.sound = sound
        self.refuse = refuse
        self.hang_up_after_s = hang_up_after_s
        authenticator = DigestAuthenticator("callee", users, secrets.token_bytes(32)) if users else None
        door = DigestDoor(authenticator=authenticator)
        self.endpoint = SipEndpoint(token=lambda: secrets.token_hex(8), door=door)
        self.shell = SipShell()
        self.wheel = Wheel(loop)
        self.ports = PortRange("127.0.0.1", 28000 + 2 * secrets.randbelow(400), 29998)
        self.received = []
        self.digits = []
        self.ended = []
        self.cancelled = False
        self.events = EventReceiver()
        self.plan = None
        self.sent = 0

    @property
    def uri(self):
        return f"sip:callee@127.0.0.1:{self.shell.udp_address[1]}"

    def event(self, event):
        now = time.monotonic()
        match event:
            case IncomingCall(leg=leg):
                self.endpoint.provisional(leg, 180, now)
                if self.refuse == "never":
                    return
                if self.refuse is not None:
                    self.endpoint.reject(leg, self.refuse, now)
                    return
                self.port = self.ports.take(self.loop)
                agreed = answer(event.offer, Capabilities(), ("127.0.0.1", self.port.number), 1, 1)
                self.plan = agreed.plan
                self.port.listen(self.packet, lambda *_: None)
                self.endpoint.answer(leg, agreed.sdp, now)
                self.wheel.add(self.plan.ptime_ms, self.turn)
                if self.hang_up_after_s is not None:
                    self.loop.call_later(self.hang_up_after_s, self.hang_up, leg)
            case Ended():
                self.ended.append(event)
                self.wheel.close()
            case Cancelled():
                self.cancelled = True

    def hang_up(self, leg):
        self.endpoint.bye(leg, time.monotonic(), reason='Q.850;cause=16;text="done"')
        self.shell.pump()

    def packet(self, data, source, now):
        packet = parse(data)
        self.received.append((now, packet))
        if packet.payload_type == self.plan.event_receive:
            self.digits += [digit.value for digit in self.events.received(packet.timestamp, packet.payload, now)]

    def turn(self, now):
        samples = 8 * self.plan.ptime_ms
        frame = self.sound[self.sent * samples : (self.sent + 1) * samples]
        frame = np.concatenate((frame, np.zeros(samples - len(frame), np.int16)))
        payload = CODECS[self.plan.send.encoding].encode(frame)
        packet = build(self.plan.send.payload_type, self.sent + 65530, self.sent * samples, 7, payload)
        self.port.send_rtp(packet, self.plan.remote_rtp)
        self.sent += 1

    def heard(self):
        """What the caller said, decoded, in order of arrival."""
        types = {form.payload_type: CODECS[form.encoding] for form in self.plan.receive if form.encoding in CODECS}
        pieces = [types[p.payload_type].decode(p.payload) for _, p in self.received if p.payload_type in types]
        return np.concatenate(pieces)


@asynccontextmanager
async def callee(loop, sound, **how):
    """A callee that listens, closed on leaving."""
    phone = Callee(loop, sound, **how)
    await phone.shell.start(phone.endpoint, udp=("127.0.0.1", 0), tcp=("127.0.0.1", 0), on_event=phone.event)
    try:
        yield phone
    finally:
        phone.wheel.close()
        await phone.shell.close()
