"""A blocking answer read in threads, and left in the middle without waiting for it."""

import asyncio
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any


class Threads:
    """So many blocking calls at a time, and no more."""

    def __init__(self, count: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix=name)

    async def run[T](self, call: Callable[[], T]) -> T:
        """What `call` returns. Cancelling takes it back if it has not begun, else lets it end unheard."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, call)

    def soon(self, call: Callable[[], object]) -> None:
        """Make a call whose end nobody waits for."""
        try:
            self._pool.submit(call)
        except RuntimeError:
            # It is closed, and with it everything that could be released.
            pass

    def close(self) -> None:
        """No more calls; those under way end by themselves."""
        self._pool.shutdown(wait=False, cancel_futures=True)


class Reading:
    """One answer: `ask` returns its blocking stream. `ask` and `read` belong to threads, `leave` to the loop."""

    def __init__(self, ask: Callable[[], Any]) -> None:
        self._ask = ask
        self._stream: Any = None
        self._left = False

    def open(self) -> None:
        """Ask, and wait for the answer to begin."""
        self._stream = self._ask()
        if self._left:
            self._stream.close()

    def read(self, size: int) -> bytes:
        """So many bytes of it; fewer at its end."""
        return bytes(self._stream.read(size))

    def leave(self) -> None:
        """The rest is not wanted. A thread that waits for it is woken by the end of the connection."""
        self._left = True
        if self._stream is not None:
            # Closing the stream itself would wait for the thread that reads it.
            connection = getattr(getattr(self._stream, "_raw_stream", None), "connection", None)
            sock = getattr(connection, "sock", None)
            if sock is not None:
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def discard(self) -> None:
        """Release the connection; in a thread."""
        if self._stream is not None:
            self._stream.close()
