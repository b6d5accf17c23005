"""What browsers offer by WHIP, and fragments of ICE."""

UFRAG, PASSWORD = "EsAw", "P2uYro0UCOQ4zxjKXaWCBui1"
FINGERPRINT = ":".join(["7B"] * 32)


def stream(
    kind: str = "audio",
    mid: str = "0",
    formats: str = "111 0 8 110",
    *,
    direction: str = "sendrecv",
    port: int = 9,
    profile: str = "UDP/TLS/RTP/SAVPF",
    without: str = "",
    candidates: int = 0,
) -> str:
    """One stream of an offer; `without` leaves out the lines that begin so."""
    lines = [
        f"m={kind} {port} {profile} {formats}",
        "c=IN IP4 0.0.0.0",
        "a=rtcp:9 IN IP4 0.0.0.0",
        f"a=ice-ufrag:{UFRAG}",
        f"a=ice-pwd:{PASSWORD}",
        "a=ice-options:trickle",
        f"a=fingerprint:sha-256 {FINGERPRINT}",
        "a=setup:actpass",
        f"a=mid:{mid}",
        "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level",
        f"a={direction}",
        "a=msid:- 8b4a5a1c-6b5e-4b59-a5f1-1a2f7b7b3c11",
        "a=rtcp-mux",
        "a=rtpmap:111 opus/48000/2",
        "a=rtcp-fb:111 transport-cc",
        "a=fmtp:111 minptime=10;useinbandfec=1",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:110 telephone-event/48000",
        *(f"a=candidate:{n} 1 udp {2**31 - n} 192.0.2.{n % 250 + 1} {40_000 + n} typ host" for n in range(candidates)),
    ]
    return "".join(f"{line}\r\n" for line in lines if not without or not line.startswith(without))


def offer(*streams: str, bundle: str = "0") -> bytes:
    """A whole offer; of one stream of audio if nothing is said."""
    head = (
        "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
        f"a=group:BUNDLE {bundle}\r\na=extmap-allow-mixed\r\na=msid-semantic: WMS\r\n"
    )
    return (head + "".join(streams or (stream(),))).encode()


def fragment(ufrag: str = UFRAG, password: str = PASSWORD, *candidates: str, mid: str = "0") -> bytes:
    """What a browser's page sends by PATCH."""
    lines = [f"a=ice-ufrag:{ufrag}", f"a=ice-pwd:{password}", "m=audio 9 UDP/TLS/RTP/SAVPF 0", f"a=mid:{mid}"]
    lines += [f"a=candidate:{each}" for each in candidates]
    return "".join(f"{line}\r\n" for line in lines).encode()
