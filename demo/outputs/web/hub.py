"""From the live thread to the browsers: queues that never grow and never make anyone wait.

The live thread publishes; the server's thread spreads what was published over one queue for each
browser. Whoever is too slow loses the oldest messages and is told the state anew.

Messages are JSON as text, or frames and audio as bytes behind one short header: kind, level and
peak in dBFS of the audio since the message before, and the number of the first frame,
little-endian; then frames `[k, M]` of one byte each, or 16-bit mono samples.
"""

import asyncio
import struct
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from edge_asc.audio.samples import to_int16
from edge_asc.demo.events import SILENCE_DBFS

HEADER = struct.Struct("<Iffd")
FRAMES, AUDIO = 1, 2
QUEUE = 100  # messages for one browser, about eight seconds of them
# Published and not yet spread, because the server's thread got no time. So many more than fit into
# a browser's queue that losing some of them fills the queues, too, which is noticed there.
PENDING = 4 * QUEUE
MAX_CLIENTS = 32


class Message(NamedTuple):
    """What a browser gets; audio only if it listens."""

    data: str | bytes
    audio: bool = False


RENEWED = Message("")  # in its place a browser gets the whole state


def frames_message(
    first: int, frames: bytes, level_dbfs: float = SILENCE_DBFS, peak_dbfs: float = SILENCE_DBFS
) -> Message:
    """Frames `[k, M]` from number `first` on."""
    return Message(HEADER.pack(FRAMES, level_dbfs, peak_dbfs, first) + frames)


def audio_message(samples: np.ndarray) -> Message:
    """Samples `[n]`, float, full scale 1."""
    header = HEADER.pack(AUDIO, SILENCE_DBFS, SILENCE_DBFS, 0)
    return Message(header + to_int16(samples).astype("<i2").tobytes(), audio=True)


class Client:
    """One browser's queue; used in the server's thread alone."""

    def __init__(self) -> None:
        self._queue: deque[Message] = deque(maxlen=QUEUE)
        self._filled = asyncio.Event()
        self.listening = False
        self.lagged = False  # something was lost: it needs the whole state once more

    def put(self, message: Message) -> None:
        """Add a message, in place of the oldest when there is no room."""
        if message.audio and not self.listening:
            return
        self.lagged |= len(self._queue) == QUEUE
        self._queue.append(message)
        self._filled.set()

    async def take(self) -> Message:
        """Wait for the oldest message."""
        while not self._queue:
            self._filled.clear()
            await self._filled.wait()
        return self._queue.popleft()


class Hub:
    """All browsers."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._clients: set[Client] = set()
        self._pending: deque[Message] = deque(maxlen=PENDING)
        self._woken = False

    @property
    def n_clients(self) -> int:
        """Browsers that are connected; any thread may ask."""
        return len(self._clients)

    @property
    def n_listeners(self) -> int:
        """Those of them that play the audio."""
        return sum(client.listening for client in tuple(self._clients))

    def publish(self, message: Message) -> None:
        """Hand a message to all browsers; called from the live thread, returns at once."""
        if not self._clients or self._loop is None:
            return
        self._pending.append(message)
        if not self._woken:
            self._woken = True
            self._loop.call_soon_threadsafe(self._spread)

    def close(self) -> None:
        """Publish nothing from now on."""
        self._loop = None

    def _spread(self) -> None:
        self._woken = False  # first: what is published from here on wakes us again
        while self._pending:
            message = self._pending.popleft()
            for client in self._clients:
                client.put(message)

    @contextmanager
    def client(self) -> Iterator[Client]:
        """A browser's queue, for as long as it is connected."""
        self._loop = asyncio.get_running_loop()
        client = Client()
        self._clients.add(client)
        try:
            yield client
        finally:
            self._clients.remove(client)
