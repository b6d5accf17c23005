"""Examples of session descriptions, whole and by the line."""

from fuzz.choices import Choices, edited

_KEY = b"WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
_PRINT = b":".join([b"AB"] * 32)

WORDS = [
    b"v=0\r\n", b"o=- 1 1 IN IP4 192.0.2.2\r\n", b"s=-\r\n", b"t=0 0\r\n", b"c=IN IP4 192.0.2.2\r\n",
    b"c=IN IP6 ::1\r\n",    b"c=IN IP4 0.0.0.0\r\n", b"c=IN IP4 224.2.1.1/127/3\r\n", b"m=audio 5000 RTP/AVP 0\r\n",
    b"m=image 0 udptl t38\r\n",
    b"m=", b"a=", b"a=rtpmap:", b"a=fmtp:", b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:", b"a=setup:", b"a=ptime:",
    b"a=rtcp:", b"a=rtcp-mux\r\n", b"a=candidate:", b"a=ice-ufrag:", b"a=ice-pwd:", b"a=fingerprint:sha-256 ",
    b"a=sendonly\r\n", b"a=inactive\r\n", b"\r\n", b"\n", b"\r", b" ", b"\t", b":", b"/", b"|", b";", b"\0", b"\xff",
    b"\xc2\x85", b"\xe2\x80\xa8", b"0", b"-1", b"65535", b"65536", b"99999999999", b"127", b"128", b"opus/48000/2",
    b"telephone-event/8000", b"CN/16000", b"PCMU", b"G722/8000", b"L16/16000", b"RTP/SAVP", b"UDP/TLS/RTP/SAVPF",
    b"actpass", b"inline:", b"2^31", b"fe80::1%eth0", b"::ffff:192.0.2.2", b"\xef\xbc\x91", b"\xd9\xa3",
]  # fmt: skip
_HEADS = (
    b"c=IN IP4 192.0.2.2", b"c=IN IP6 2001:db8::2", b"c=IN IP4 0.0.0.0", b"c=IN IP4 host.example.com", b"a=inactive",
    b"a=ice-lite", b"a=fingerprint:sha-1 " + _PRINT, b"a=setup:active", b"b=AS:64", b"k=clear:x", b"a=sendonly",
    b"a=ice-ufrag:abcd", b"a=ice-pwd:" + b"p" * 24, b"a=group:BUNDLE 0",
)  # fmt: skip
_MEDIA = (
    b"m=audio 5000 RTP/AVP 0 8 101", b"m=audio 5000 RTP/AVP 9 0 13 101", b"m=audio 5000 RTP/SAVP 0 101",
    b"m=audio 5000 UDP/TLS/RTP/SAVPF 111 0 8 101 110", b"m=audio 9 UDP/TLS/RTP/SAVP 111", b"m=audio 0 RTP/AVP 0",
    b"m=audio 5000 RTP/AVP 96 97 98 99 100 101", b"m=audio 5000/2 RTP/AVPF 18 4 3", b"m=image 6000 udptl t38",
    b"m=video 7000 RTP/AVP 31 96", b"m=audio 65535 RTP/AVP 8 0", b"m=audio 5000 TCP/RTP/AVP 0",
)  # fmt: skip
_LINES = (
    b"a=rtpmap:96 opus/48000/2", b"a=rtpmap:111 opus/48000/2", b"a=fmtp:111 useinbandfec=1;usedtx=1",
    b"a=fmtp:96 maxaveragebitrate=6000;maxplaybackrate=8000;stereo=1", b"a=fmtp:111 =;;=1;usedtx=1", b"a=ptime:20",
    b"a=rtpmap:97 L16/16000", b"a=rtpmap:98 L16/8000", b"a=rtpmap:99 G722/8000", b"a=rtpmap:97 CN/16000",
    b"a=rtpmap:101 telephone-event/8000", b"a=fmtp:101 0-16", b"a=fmtp:101 events=0-15,66", b"a=fmtp:101 x-,-,",
    b"a=rtpmap:110 telephone-event/48000", b"a=rtpmap:100 telephone-event/16000", b"a=rtpmap:0 PCMA/8000",
    b"a=rtpmap:8 opus/48000/2", b"a=rtpmap:13 CN/8000", b"a=rtpmap:98 PCMU/16000", b"a=rtpmap:99 X/0", b"a=ptime:0",
    b"a=ptime:60", b"a=ptime:13", b"a=maxptime:5", b"a=maxptime:40", b"a=ptime:99999", b"a=sendrecv", b"a=sendonly",
    b"a=recvonly", b"a=inactive", b"a=rtcp-mux", b"a=rtcp:5005", b"a=rtcp:5005 IN IP4 192.0.2.3", b"a=rtcp:0 IN IP6 x",
    b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + _KEY + b"|2^20",
    b"a=crypto:2 AEAD_AES_256_GCM inline:" + b"A" * 59 + b"=", b"a=crypto:3 F8_128_HMAC_SHA1_80 inline:" + _KEY,
    b"a=crypto:1 AES_CM_128_HMAC_SHA1_32 inline:" + _KEY + b" UNENCRYPTED_SRTP", b"a=setup:actpass", b"a=setup:passive",
    b"a=setup:active", b"a=setup:holdconn", b"a=fingerprint:sha-256 " + _PRINT, b"a=fingerprint:md5 00",
    b"a=ice-ufrag:abcd", b"a=ice-pwd:" + b"p" * 24, b"a=candidate:1 1 UDP 2130706431 192.0.2.2 5000 typ host",
    b"a=candidate:2 1 udp 1 2001:db8::2 5001 typ srflx raddr 1.1.1.1 rport 1",
    b"a=candidate:3 1 UDP 1 x.local 1 typ host",
    b"a=ice-mismatch", b"a=end-of-candidates", b"a=ice-options:trickle", b"c=IN IP4 192.0.2.3", b"c=IN IP4 0.0.0.0",
    b"c=IN IP6 ::", b"b=TIAS:64000", b"a=ssrc:1 cname:x", b"a=mid:0", b"a=rtcp-fb:* nack", b"a=silenceSupp:off - - - -",
)  # fmt: skip


def described(choices: Choices) -> bytes:
    """A description made of such lines, and perhaps damaged."""
    lines = [b"v=0", b"o=- 1 %d IN IP4 192.0.2.2" % choices.below(256), b"s=-", _HEADS[0], b"t=0 0"]
    lines += [choices.pick(_HEADS) for _ in range(choices.pick((0, 0, 1, 3)))]
    for _ in range(choices.pick((1, 1, 1, 2, 4, 0))):
        lines.append(choices.pick(_MEDIA))
        lines += [choices.pick(_LINES) for _ in range(choices.below(9))]
    text = b"".join(line + b"\r\n" for line in lines)
    return text if choices.below(4) else edited(text, choices, WORDS)


def examples() -> list[bytes]:
    """Whole descriptions: each line within a stream, and some of all kinds together."""
    head = b"v=0\r\no=- 1 1 IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\n"
    found = [b"\r\n".join((head[:-2], media, line, b"")) for media in _MEDIA for line in _LINES[:: len(_MEDIA)]]
    found += [b"\r\n".join((head[:-2], first, media, *_LINES[:14], b"")) for first in _HEADS for media in _MEDIA[:4]]
    browser = (_MEDIA[3], *_LINES[:4], _LINES[31], *_LINES[38:50])
    return [*found, b"\r\n".join((head[:-2], *browser, b"")), head]
