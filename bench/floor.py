"""
The floor: the least a Python program can do and still connect telephone calls to a realtime model.

Bare SIP by string work, constant RTP for ever from one shared 5 ms wheel, and a raw WebSocket with one message per
20 ms packet. No retransmission, no statistics, no RTCP, no reordering, no concealment, no detector, no truncation, no
logging, no limits, no checks: what the server costs beyond this is the price of those.
"""

import argparse
import asyncio
import gc
import os
import socket
import struct
import sys
import time
from base64 import b64decode, b64encode

import orjson
import uvloop
from websockets.asyncio.client import ClientConnection, connect

SILENCE = b"\xff" * 160
HEADER = struct.Struct("!BBHII")
DETECTION: dict[str, str | bool | int] = {"type": "server_vad", "create_response": True, "interrupt_response": True}
SESSION = {
    "type": "session.update",
    "session": {
        "type": "realtime",
        "output_modalities": ["audio"],
        "instructions": "You are a friendly assistant on the telephone.",
        "audio": {
            "input": {"format": {"type": "audio/pcmu"}, "turn_detection": DETECTION},
            "output": {"format": {"type": "audio/pcmu"}},
        },
    },
}


def header(message: str, name: str) -> str:
    """The first line of a SIP message that begins with `name`."""
    return next(line for line in message.split("\r\n") if line.lower().startswith(name))


class Call:
    """One call: an RTP socket, a WebSocket, and a queue of audio between them."""

    def __init__(self, address: str, remote: tuple[str, int]) -> None:
        self.rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.rtp.setblocking(False)
        self.rtp.bind((address, 0))
        self.port: int = self.rtp.getsockname()[1]
        self.remote = remote
        self.uplink: asyncio.Queue[str] = asyncio.Queue()
        self.audio = bytearray()
        self.played = 0
        self.sequence = 0
        self.timestamp = 0
        self.ssrc = int.from_bytes(os.urandom(4))
        self.tasks: list[asyncio.Task[None]] = []
        self.ready = asyncio.Event()

    def receive(self) -> None:
        """Caller's packet to the model."""
        try:
            packet = self.rtp.recv(2048)
        except OSError:
            return
        if packet[1] & 127 == 0:
            self.uplink.put_nowait(
                f'{{"type":"input_audio_buffer.append","audio":"{b64encode(packet[12:]).decode()}"}}'
            )

    def tick(self) -> None:
        """One packet to the caller: the model's audio, or silence."""
        begin = self.played
        payload = bytes(self.audio[begin : begin + 160])
        if len(payload) == 160:
            self.played = begin + 160
        else:
            payload += SILENCE[len(payload) :]
            self.flush()
        self.sequence = (self.sequence + 1) & 0xFFFF
        self.timestamp = (self.timestamp + 160) & 0xFFFFFFFF
        try:
            self.rtp.sendto(HEADER.pack(128, 0, self.sequence, self.timestamp, self.ssrc) + payload, self.remote)
        except OSError:
            pass

    def flush(self) -> None:
        """Forget what has not been played."""
        self.audio.clear()
        self.played = 0

    async def converse(self, url: str, key: str) -> None:
        """Hold the model's session until cancelled."""
        async with connect(
            url, additional_headers={"Authorization": f"Bearer {key}"}, max_size=None, compression=None
        ) as model:
            await model.send(orjson.dumps(SESSION), text=True)
            sender = asyncio.create_task(self.send(model))
            try:
                while True:
                    event = orjson.loads(await model.recv(decode=False))
                    kind = event["type"]
                    if kind == "response.output_audio.delta":
                        self.audio += b64decode(event["delta"])
                    elif kind == "input_audio_buffer.speech_started":
                        self.flush()
                    elif kind == "session.updated":
                        self.ready.set()
            finally:
                sender.cancel()

    async def send(self, model: ClientConnection) -> None:
        """Send what the caller says."""
        while True:
            await model.send(await self.uplink.get())


class Floor:
    """All calls, one SIP socket, one wheel."""

    def __init__(self, address: str, port: int, url: str, key: str) -> None:
        self.address, self.url, self.key = address, url, key
        self.loop = asyncio.get_running_loop()
        self.calls: dict[str, Call] = {}
        self.slots: list[list[Call]] = [[], [], [], []]
        self.sip = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sip.setblocking(False)
        self.sip.bind((address, port))
        self.loop.add_reader(self.sip, self.receive)
        self.tasks: set[asyncio.Task[None]] = set()

    def receive(self) -> None:
        """One SIP request."""
        packet, source = self.sip.recvfrom(65535)
        message = packet.decode()
        method = message.split(" ", 1)[0]
        call_id = header(message, "call-id:")
        if method == "INVITE" and call_id not in self.calls:
            task = self.loop.create_task(self.invite(message, call_id, source))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
        elif method == "BYE":
            self.reply(message, "200 OK", source)
            self.end(call_id)
        elif method == "OPTIONS":
            self.reply(message, "200 OK", source)

    def reply(self, request: str, status: str, source: tuple[str, int], body: str = "") -> None:
        """Answer a request with its own headers."""
        lines = [f"SIP/2.0 {status}"]
        lines += [
            line for line in request.split("\r\n") if line.lower().startswith(("via:", "from:", "call-id:", "cseq:"))
        ]
        to = header(request, "to:")
        lines.append(to if ";tag=" in to else f"{to};tag=floor")
        lines.append(f"Contact: <sip:floor@{self.address}:{self.sip.getsockname()[1]}>")
        if body:
            lines.append("Content-Type: application/sdp")
        lines += [f"Content-Length: {len(body)}", "", body]
        self.sip.sendto("\r\n".join(lines).encode(), source)

    async def invite(self, message: str, call_id: str, source: tuple[str, int]) -> None:
        """Answer once the model is ready."""
        host = header(message, "c=").split()[-1]
        call = self.calls[call_id] = Call(self.address, (host, int(header(message, "m=audio").split()[1])))
        self.reply(message, "180 Ringing", source)
        call.tasks.append(self.loop.create_task(call.converse(self.url, self.key)))
        await call.ready.wait()
        self.loop.add_reader(call.rtp, call.receive)
        min(self.slots, key=len).append(call)
        body = (
            f"v=0\r\no=- 1 1 IN IP4 {self.address}\r\ns=-\r\nc=IN IP4 {self.address}\r\nt=0 0\r\n"
            f"m=audio {call.port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=ptime:20\r\na=sendrecv\r\n"
        )
        self.reply(message, "200 OK", source, body)

    def end(self, call_id: str) -> None:
        """Release a call."""
        call = self.calls.pop(call_id, None)
        if call is None:
            return
        for slot in self.slots:
            if call in slot:
                slot.remove(call)
        for task in call.tasks:
            task.cancel()
        self.loop.remove_reader(call.rtp)
        call.rtp.close()

    async def turn_wheel(self) -> None:
        """Every 5 ms one slot; absolute deadlines."""
        began, turns = time.monotonic(), 0
        while True:
            turns += 1
            await asyncio.sleep(max(0.0, began + turns * 0.005 - time.monotonic()))
            for call in self.slots[turns & 3]:
                call.tick()


async def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5060)
    parser.add_argument("--url", required=True, help="WebSocket URL of the model, with its query")
    parser.add_argument("--key", default="floor")
    parser.add_argument("--silence-ms", type=int, default=500, help="after which the model ends a turn")
    options = parser.parse_args()
    DETECTION["silence_duration_ms"] = options.silence_ms
    gc.collect()
    gc.freeze()
    floor = Floor(options.address, options.port, options.url, options.key)
    sys.stdout.write('{"event": "ready"}\n')
    sys.stdout.flush()
    await floor.turn_wheel()


if __name__ == "__main__":
    uvloop.run(main())
