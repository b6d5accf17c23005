"""What goes to the provider: caller audio in chunks and commands, in order, through a bounded queue."""

from collections import deque
from collections.abc import Callable
from typing import Protocol

from mediaproviders.contract import AudioFormat


class Writer(Protocol):
    """A socket that takes a message without waiting, as long as it is ready."""

    @property
    def ready(self) -> bool:
        """It is open and not congested."""

    def write(self, message: bytes) -> None:
        """Send one text message."""


class Uplink:
    """Writes straight through while the socket keeps up; else keeps commands, and the newest `queue_ms` of audio.

    `message` makes the provider's message of a chunk of audio.
    """

    def __init__(self, audio: AudioFormat, message: Callable[[bytes], bytes], *, uplink_ms: int, queue_ms: int) -> None:
        self._message = message
        self._bytes_per_ms = audio.bytes_per_ms
        self._chunk_bytes = uplink_ms * audio.bytes_per_ms
        self._most_chunks = max(1, queue_ms // uplink_ms)
        self._writer: Writer | None = None
        self._partial = bytearray()
        self._audio: deque[bytes] = deque()
        self._gone = 0
        self._commands: deque[tuple[int, bytes]] = deque()
        """Each with the number of audio chunks that go before it, counted like `_gone` from the start."""
        self._dropped_bytes = 0

    @property
    def dropped_ms(self) -> float:
        """Audio dropped so far, in ms."""
        return self._dropped_bytes / self._bytes_per_ms

    @property
    def queued_ms(self) -> float:
        """Audio that waits for the socket, in ms."""
        return (sum(map(len, self._audio)) + len(self._partial)) / self._bytes_per_ms

    def attach(self, writer: Writer) -> None:
        """Write to `writer` from now on, beginning with what is queued."""
        self._writer = writer
        self.flush()

    def detach(self) -> None:
        """Only queue from now on."""
        self._writer = None

    def add_audio(self, data: bytes) -> None:
        """Caller audio of any length; it leaves in chunks of `uplink_ms`."""
        size = self._chunk_bytes
        if len(data) == size and not self._partial:
            self._offer(data)
            return
        partial = self._partial
        partial += data
        if len(partial) < size:
            return
        whole = len(partial) // size * size
        for start in range(0, whole, size):
            self._offer(bytes(partial[start : start + size]))
        del partial[:whole]

    def add_command(self, message: bytes) -> None:
        """A control message. It is never dropped and stays behind the chunks of audio that left before it."""
        writer = self._writer
        if writer is not None and writer.ready and not self._audio and not self._commands:
            writer.write(message)
        else:
            self._commands.append((self._gone + len(self._audio), message))

    def end_chunk(self) -> None:
        """Let an unfinished chunk leave as it is: what follows is about all the audio given so far."""
        if self._partial:
            chunk = bytes(self._partial)
            self._partial.clear()
            self._offer(chunk)

    def flush(self) -> None:
        """Write what is queued until the socket is congested."""
        writer, audio, commands = self._writer, self._audio, self._commands
        while writer is not None and writer.ready:
            if commands and commands[0][0] <= self._gone:
                writer.write(commands.popleft()[1])
            elif audio:
                self._gone += 1
                writer.write(self._message(audio.popleft()))
            else:
                return

    def discard(self) -> None:
        """Forget everything queued; its audio counts as dropped."""
        self._dropped_bytes += sum(map(len, self._audio)) + len(self._partial)
        self._gone += len(self._audio)
        self._audio.clear()
        self._partial.clear()
        self._commands.clear()

    def _offer(self, chunk: bytes) -> None:
        writer, audio = self._writer, self._audio
        if writer is not None and writer.ready and not audio and not self._commands:
            writer.write(self._message(chunk))
            return
        audio.append(chunk)
        if len(audio) > self._most_chunks:
            self._gone += 1
            self._dropped_bytes += len(audio.popleft())
