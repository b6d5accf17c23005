"""What runs in the worker's process: one request at a time over its standard streams, until they are closed.

A message is two lengths (32 bits, big-endian), a JSON object and a payload, in both directions.
"""

import json
import os
import signal
import struct
import sys
from typing import Any, BinaryIO

from mediacodecs.pcm import from_bytes
from mediaproviders.contract import AudioFormat
from mediaproviders.local import hear, speak
from mediaproviders.transcode import encoded

LENGTHS = struct.Struct("!II")
LONGEST = 64 << 20
"""Bytes of a message that are believed."""

_NICE = 2
"""Steps behind the process that moves the media."""


def pack(head: dict[str, Any], payload: bytes = b"") -> bytes:
    """One message."""
    text = json.dumps(head).encode()
    return LENGTHS.pack(len(text), len(payload)) + text + payload


def answer(head: dict[str, Any], payload: bytes) -> bytes:
    """Do what a request asks; the reply, which carries `error` when it could not be done."""
    try:
        match head["op"]:
            case "say":
                pcm = speak.synthesise(head["text"], head["rate"], voice=head["voice"])
                return pack({}, encoded(pcm, AudioFormat(head["encoding"], head["rate"])))
            case "hear":
                return pack({"text": hear.transcribe(from_bytes(payload), head["rate"])})
            case "load":
                hear.load()
                return pack({})
            case op:
                return pack({"error": f"unknown operation {op!r}"})
    except Exception as error:  # Whatever a model raises belongs to the one who asked; the process lives on.
        return pack({"error": f"{type(error).__name__}: {error}"})


def serve(requests: BinaryIO, replies: BinaryIO) -> None:
    """Answer requests until the stream ends."""
    while len(lengths := requests.read(LENGTHS.size)) == LENGTHS.size:
        head_length, payload_length = LENGTHS.unpack(lengths)
        head, payload = requests.read(head_length), requests.read(payload_length)
        if len(payload) < payload_length:
            return
        replies.write(answer(json.loads(head), payload))
        replies.flush()


def main() -> None:
    """Serve on the standard streams; what libraries print goes to standard error."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(_NICE)
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        serve(sys.stdin.buffer, replies)
    except BrokenPipeError:
        pass


if __name__ == "__main__":
    main()
