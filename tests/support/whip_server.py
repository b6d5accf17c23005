"""A WHIP server that is none of ours: aiortc answers, says a sentence of noise, and keeps what it hears."""

import asyncio
import secrets
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
import uvicorn
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from mediaserver.sdp.ice import IceLite
from mediaserver.sdp.negotiate import Capabilities
from mediaserver.sdp.negotiation import Negotiation
from mediaserver.sdp.path import MediaPath
from mediaserver.sdp.security import Protection

RATE = 48000
TOKEN = "open-sesame"


class _Voice(MediaStreamTrack):
    """Says `sound` (48 kHz) once, then silence, in frames of 20 ms."""

    kind = "audio"

    def __init__(self, sound):
        super().__init__()
        self._sound, self._at, self._began = sound, 0, None

    async def recv(self):
        loop = asyncio.get_running_loop()
        self._began = self._began or loop.time()
        await asyncio.sleep(max(0.0, self._began + self._at / RATE - loop.time()))
        piece = np.zeros(960, np.int16)
        here = self._sound[self._at : self._at + 960]
        piece[: len(here)] = here
        frame = AudioFrame.from_ndarray(piece[None, :], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, self._at, Fraction(1, RATE)
        self._at += 960
        return frame


@dataclass
class WhipServer:
    sound: np.ndarray
    port: int = 0
    peers: dict[str, RTCPeerConnection] = field(default_factory=dict)
    heard: list[np.ndarray] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    refuse: tuple[int, dict[str, str], dict[str, object]] | None = None
    without_media: bool = False
    """Nobody is at the address in its answer."""

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/whip/agent"

    async def post(self, request: Request):
        self.requests.append(("POST", request.headers.get("origin", "")))
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return JSONResponse({"title": "Unauthorized", "detail": "the token is none"}, 401)
        if self.refuse is not None:
            status, headers, body = self.refuse
            return JSONResponse(body, status, headers)
        name = f"s{len(self.requests)}"
        headers = {"Location": f"/whip/agent/{name}", "ETag": '"one"'}
        if self.without_media:
            return Response(_answer_from_nowhere(await request.body()), 201, headers, "application/sdp")
        self.peers[name] = peer = RTCPeerConnection()

        @peer.on("track")
        def track(track):
            self._hearing.append(asyncio.ensure_future(self._hear(track)))

        await peer.setRemoteDescription(RTCSessionDescription((await request.body()).decode(), "offer"))
        peer.addTrack(_Voice(self.sound))
        await peer.setLocalDescription(await peer.createAnswer())
        answer = peer.localDescription.sdp
        return Response(answer, 201, headers, "application/sdp")

    async def delete(self, request: Request):
        self.requests.append(("DELETE", request.path_params["session"]))
        peer = self.peers.pop(request.path_params["session"], None)
        if peer is None:
            return JSONResponse({"title": "Not Found"}, 404)
        await peer.close()
        return Response(status_code=200)

    async def _hear(self, track):
        try:
            while True:
                frame = await track.recv()
                self.heard.append(frame.to_ndarray().reshape(-1, frame.layout.nb_channels)[:, 0])
        except MediaStreamError:
            pass

    def __post_init__(self):
        self._hearing = []


@asynccontextmanager
async def whip_server(sound):
    """It runs in this loop."""
    told = WhipServer(sound)
    app = Starlette(
        routes=[
            Route("/whip/agent", told.post, methods=["POST"]),
            Route("/whip/agent/{session}", told.delete, methods=["DELETE"]),
        ]
    )
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, lifespan="off", ws="none"))
    server.capture_signals = nullcontext
    serving = asyncio.ensure_future(server.serve())
    while not server.started:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    told.port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield told
    finally:
        for peer in told.peers.values():
            await peer.close()
        server.should_exit = True
        await serving
        await asyncio.gather(*told._hearing, return_exceptions=True)


def _answer_from_nowhere(offer):
    protection = Protection("required", secrets.token_bytes, "sha-256 " + ":".join(["AB"] * 32), browser=True)
    path = MediaPath(protection, IceLite(secrets.token_bytes), browser=True)
    return Negotiation(Capabilities(codecs=("OPUS",)), ("127.0.0.1", 9), 1, path).answer(offer)
