"""SRTP in AES counter mode with HMAC-SHA1 (RFC 3711 4.1.1, 4.2.1; RFC 6188 for keys of 256 bits).

It works with keys of any length AES has; libsrtp, which is faster, is used where its binding reaches.
"""

import hmac
import struct
from collections import OrderedDict
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

_SALT = 14
_RTCP_TAG: Final = 10
"""Octets: SRTCP keeps 80 bits whatever the suite says of RTP (RFC 4568 6.2.2)."""
_ENCRYPTED = 1 << 31
_WINDOW = 128
_MOST_SOURCES = 64
"""Streams of a peer that are remembered; only who has its key can make any."""
_RTP = struct.Struct("!BBHII")
_WORD = struct.Struct("!I")


def session_key(master: bytes, label: int, size: int) -> bytes:
    """Derive a session key from master key and salt, with a key derivation rate of 0 (RFC 3711 4.3)."""
    key, salt = master[:-_SALT], master[-_SALT:]
    start = (int.from_bytes(salt) ^ label << 48) << 16
    return Cipher(AES(key), CTR(start.to_bytes(16))).encryptor().update(bytes(size))


class _Keys:
    """Cipher, salt and signature of either RTP or RTCP."""

    __slots__ = ("_cipher", "_salt", "_signing")

    def __init__(self, master: bytes, label: int) -> None:
        if len(master) - _SALT not in (16, 24, 32):
            raise ValueError("a master key has 128, 192 or 256 bits, its salt 112")
        self._cipher = Cipher(AES(session_key(master, label, len(master) - _SALT)), CTR(bytes(16))).encryptor()
        self._signing = session_key(master, label + 1, 20)
        self._salt = int.from_bytes(session_key(master, label + 2, _SALT)) << 16

    def crypt(self, octets: bytes, ssrc: int, index: int) -> bytes:
        """Encrypt, or decrypt, which is the same."""
        cipher = self._cipher
        cipher.reset_nonce((self._salt ^ ssrc << 64 ^ index << 16).to_bytes(16))
        return cipher.update(octets)

    def sign(self, octets: bytes) -> bytes:
        """All 20 octets of the signature."""
        return hmac.digest(self._signing, octets, "sha1")


class _Window:
    """The highest index of a stream, and which of the last ones below it have come (RFC 3711 3.3.2)."""

    __slots__ = ("highest", "seen")

    def __init__(self, highest: int) -> None:
        self.highest = highest
        self.seen = 0
        """Bit n: the index n below the highest has come; bit 0 is set by the first `mark`."""

    def is_new(self, index: int) -> bool:
        behind = self.highest - index
        return behind < 0 or (behind < _WINDOW and not self.seen >> behind & 1)

    def mark(self, index: int) -> None:
        ahead = index - self.highest
        if ahead > 0:
            self.highest = index
            self.seen = (self.seen << ahead | 1) & ((1 << _WINDOW) - 1) if ahead < _WINDOW else 1
        else:
            self.seen |= 1 << -ahead


def _index_near(sequence: int, highest: int) -> int:
    """The packet index of a sequence number: with the rollover counter that brings it nearest (RFC 3711 3.3.1)."""
    index = highest & ~0xFFFF | sequence
    if index - highest > 0x8000:
        return index - 0x10000 if index >= 0x10000 else index
    return index + 0x10000 if highest - index > 0x8000 else index


def _header_size(packet: bytes) -> int:
    """Octets in front of the payload. Raises ValueError for what is no RTP packet."""
    size = len(packet)
    if size < 12 or packet[0] & 0xC0 != 0x80:
        raise ValueError("not an RTP packet")
    at = 12 + 4 * (packet[0] & 0x0F)
    if packet[0] & 0x10:
        if at + 4 > size:
            raise ValueError("an RTP header that does not end")
        at += 4 + 4 * int.from_bytes(packet[at + 2 : at + 4])
    if at > size:
        raise ValueError("an RTP header that does not end")
    return at


class CounterModeSealer:
    """Seals what we send; `tag` is the octets of signature an RTP packet gets."""

    def __init__(self, master: bytes, tag: int) -> None:
        self._rtp, self._rtcp = _Keys(master, 0), _Keys(master, 3)
        self._tag = tag
        self._highest: dict[int, int] = {}
        self._reports = 0

    def rtp(self, packet: bytes) -> bytes:
        """An RTP packet, sealed. Raises ValueError for what is none."""
        header = _header_size(packet)
        _, _, sequence, _, ssrc = _RTP.unpack_from(packet)
        highest = self._highest.get(ssrc, sequence)
        index = _index_near(sequence, highest)
        if index >= highest:
            self._highest[ssrc] = index
        sealed = packet[:header] + self._rtp.crypt(packet[header:], ssrc, index)
        return sealed + self._rtp.sign(sealed + _WORD.pack(index >> 16 & 0xFFFFFFFF))[: self._tag]

    def rtcp(self, packet: bytes) -> bytes:
        """A compound RTCP packet, sealed. Raises ValueError for what is none."""
        if len(packet) < 8:
            raise ValueError("not an RTCP packet")
        self._reports = (self._reports + 1) & (_ENCRYPTED - 1)
        ssrc = _WORD.unpack_from(packet, 4)[0]
        sealed = packet[:8] + self._rtcp.crypt(packet[8:], ssrc, self._reports)
        sealed += _WORD.pack(self._reports | _ENCRYPTED)
        return sealed + self._rtcp.sign(sealed)[:_RTCP_TAG]


class CounterModeOpener:
    """Opens what the peer sends."""

    def __init__(self, master: bytes, tag: int) -> None:
        self._rtp, self._rtcp = _Keys(master, 0), _Keys(master, 3)
        self._tag = tag
        self._streams: OrderedDict[int, _Window] = OrderedDict()
        self._reports: OrderedDict[int, _Window] = OrderedDict()
        self.unauthentic = 0
        self.replayed = 0

    def rtp(self, packet: bytes) -> bytes | None:
        """The RTP packet; None if it is not the peer's, or has come before."""
        end = len(packet) - self._tag
        try:
            header = _header_size(packet[: max(0, end)])
        except ValueError:
            self.unauthentic += 1
            return None
        _, _, sequence, _, ssrc = _RTP.unpack_from(packet)
        window = self._streams.get(ssrc)
        index = sequence if window is None else _index_near(sequence, window.highest)
        if window is not None and not window.is_new(index):
            self.replayed += 1
            return None
        signed = packet[:end] + _WORD.pack(index >> 16 & 0xFFFFFFFF)
        if not hmac.compare_digest(self._rtp.sign(signed)[: self._tag], packet[end:]):
            self.unauthentic += 1
            return None
        _mark(self._streams, window, ssrc, index)
        return packet[:header] + self._rtp.crypt(packet[header:end], ssrc, index)

    def rtcp(self, packet: bytes) -> bytes | None:
        """The compound RTCP packet; None as for RTP."""
        end = len(packet) - _RTCP_TAG
        if end < 12 or not hmac.compare_digest(self._rtcp.sign(packet[:end])[:_RTCP_TAG], packet[end:]):
            self.unauthentic += 1
            return None
        ssrc, word = _WORD.unpack_from(packet, 4)[0], _WORD.unpack_from(packet, end - 4)[0]
        index = word & ~_ENCRYPTED
        window = self._reports.get(ssrc)
        if window is not None and not window.is_new(index):
            self.replayed += 1
            return None
        _mark(self._reports, window, ssrc, index)
        content = packet[8 : end - 4]
        return packet[:8] + (self._rtcp.crypt(content, ssrc, index) if word & _ENCRYPTED else content)


def _mark(streams: OrderedDict[int, _Window], window: _Window | None, ssrc: int, index: int) -> None:
    if window is None:
        window = streams[ssrc] = _Window(index)
        if len(streams) > _MOST_SOURCES:
            streams.popitem(last=False)
    window.mark(index)
