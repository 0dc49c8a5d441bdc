"""The connection to an MQTT broker: kept up for ever, and silent but for what a person should know.

paho's thread connects, waits longer and longer between attempts, and sends. All else happens in the
caller's thread: what the other reports is put into plain attributes and deques, so nothing waits
for a lock while a broker hangs.

MQTT 5, because before it a broker drops what it does not allow without a word. A broker that knows
only 3.1.1 refuses the connection, and a notice says so.
"""

import ssl
import sys
import threading
import time
from collections import deque
from typing import Any

from paho.mqtt.client import CallbackAPIVersion, Client, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from edge_asc.demo.outputs.mqtt.settings import PASSWORD, USER, Address

KEEPALIVE_S = 15  # the broker reports us gone after one and a half of it
BACKOFF_S = (1, 30)
ANSWER_S = 10.0  # a broker that takes longer to answer is reported
UNACKNOWLEDGED = 20  # messages on their way; further ones are dropped
SETTLE_S = 3.0  # a change of the connection is told when it has lasted, …
QUIET_S = 60.0  # … or when nothing was told for long
CLOSE_S = 0.25
CONNECTED = "connected"
CALLBACKS = (
    *("on_socket_open", "on_connect", "on_connect_fail"),
    *("on_disconnect", "on_publish", "on_message"),
)


class MqttLink:
    """A client of one broker.

    Args:
        will: topic on which the broker retains `offline` when we are gone.
        listens_to: topic that is subscribed to.
    """

    def __init__(
        self,
        address: Address,
        client_id: str,
        user: str | None,
        password: str | None,
        tls: ssl.SSLContext | None,
        will: str,
        listens_to: str,
    ) -> None:
        self._address, self._listens_to = address, listens_to
        self.connected = False
        self.n_connects = 0
        self.heard: deque[bytes] = deque(maxlen=8)  # messages on the topic
        self._answers: deque[tuple[int, str | None]] = deque()  # message, and why it was refused
        self._underway: dict[int, str] = {}  # message: topic
        self._refused: set[str] = set()  # topics
        self._refusals: list[str] = []  # to be told
        self._opened_s: float | None = None  # since when the broker owes us an answer
        self._connected_s = 0.0
        self._status: tuple[bool, str, float] | None = None  # fine, what, since when
        self._told_fine = False
        self._told_problems: set[str] = set()
        self._told_s = -QUIET_S
        self._client_id = client_id
        self._client = Client(
            CallbackAPIVersion.VERSION2, client_id, protocol=MQTTProtocolVersion.MQTTv5
        )
        self._client.reconnect_delay_set(*BACKOFF_S)
        self._client.max_queued_messages_set(5 * UNACKNOWLEDGED)
        for name in CALLBACKS:
            setattr(self._client, name, getattr(self, f"_{name}"))
        self._client.username_pw_set(user, password)
        if tls is not None:
            self._client.tls_set_context(tls)
        self._client.will_set(will, b"offline", qos=1, retain=True)
        self._client.connect_async(address.host, address.port, KEEPALIVE_S)
        self._client.loop_start()

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> bool:
        """Send a message unless the broker is away, or behind; never waits.

        What is retained goes out however far behind the broker is.
        """
        self._take_answers()
        if not self.connected or (len(self._underway) >= UNACKNOWLEDGED and not retain):
            return False
        message = self._client.publish(topic, payload, qos=1, retain=retain)
        if message.rc == MQTTErrorCode.MQTT_ERR_QUEUE_SIZE:
            return False
        self._underway[message.mid] = topic
        return True

    def notices(self, n_unsent: int) -> list[str]:
        """What a person should know and was not told yet; `n_unsent` for want of a broker."""
        now_s = time.monotonic()
        if self._opened_s is not None and now_s - self._opened_s > ANSWER_S:
            self._set(False, "takes the connection but does not answer")
        self._take_answers()
        texts, self._refusals = self._refusals, []
        if self._status is not None and self._is_news(now_s):
            fine, what, _ = self._status
            more = f"messages not sent so far: {n_unsent}" if fine else "goes on trying"
            texts.append(what if what == CONNECTED else f"{what}; {more}")
            self._told_problems = set() if fine else self._told_problems | {what}
            self._told_fine, self._told_s = fine, now_s
        return [f"MQTT {self._address}: {text}" for text in texts]

    def _is_news(self, now_s: float) -> bool:
        assert self._status is not None
        fine, what, since_s = self._status
        known = self._told_fine if fine else what in self._told_problems
        return not known and (now_s - since_s >= SETTLE_S or now_s - self._told_s >= QUIET_S)

    def _take_answers(self) -> None:
        """Forget what the broker has acknowledged, and note what it has refused, once a topic."""
        while self._answers:
            mid, refusal = self._answers.popleft()
            topic = self._underway.pop(mid, "")
            if refusal is not None and topic not in self._refused:
                self._refused.add(topic)
                self._refusals.append(f"the broker refuses {topic}: {refusal.lower()}")

    def close(self) -> None:
        """Leave, so that the broker publishes the will at once; a broker that hangs is left."""
        with_will = ReasonCode(PacketTypes.DISCONNECT, "Disconnect with will message")
        self._client.disconnect(with_will)
        leaving = threading.Thread(target=self._client.loop_stop, daemon=True)
        leaving.start()
        leaving.join(CLOSE_S)
        for name in CALLBACKS:  # a client that nothing refers to closes its sockets
            setattr(self._client, name, None)

    # paho's thread

    def _set(self, fine: bool, what: str) -> None:
        if self._status is None or self._status[:2] != (fine, what):
            self._status = (fine, what, time.monotonic())

    def _on_socket_open(self, *_: Any) -> None:
        self._opened_s = time.monotonic()

    def _on_connect(
        self, client: Client, _data: Any, _flags: Any, reason: ReasonCode, _properties: Any
    ) -> None:
        self._opened_s = None
        if reason.is_failure:
            self._set(False, _refusal(str(reason)))
            return
        client.subscribe(self._listens_to, qos=1)
        self.n_connects += 1
        self._connected_s = time.monotonic()
        self.connected = True
        self._set(True, CONNECTED if self.n_connects == 1 else "connected again")

    def _on_connect_fail(self, *_: Any) -> None:
        self._set(False, f"cannot be reached: {_said(sys.exc_info()[1])}")

    def _on_disconnect(
        self, _client: Any, _data: Any, _flags: Any, reason: ReasonCode, _properties: Any
    ) -> None:
        was_connected, self.connected = self.connected, False
        if was_connected:
            what = f"lost: {_refusal(str(reason))}"
            if time.monotonic() - self._connected_s < KEEPALIVE_S:
                what += f" soon; does another client call itself {self._client_id}?"
            self._set(False, what)
        elif self._opened_s is not None and time.monotonic() - self._opened_s < ANSWER_S:
            self._set(False, "ends the connection without an answer")
        self._opened_s = None

    def _on_publish(
        self, _client: Any, _data: Any, mid: int, reason: ReasonCode, _properties: Any
    ) -> None:
        self._answers.append((mid, str(reason) if reason.is_failure else None))

    def _on_message(self, _client: Any, _data: Any, message: Any) -> None:
        self.heard.append(message.payload)


def _refusal(reason: str) -> str:
    """What the broker says, and what to do about it."""
    advice = {
        "Not authorized": f"; check {USER} and {PASSWORD}",
        "Bad user name or password": f"; check {USER} and {PASSWORD}",
        "Unsupported protocol version": "; MQTT 5 is needed",
    }
    known = {"Unspecified error": "the connection broke"}  # paho's word for it
    return f"{known.get(reason, reason.lower())}{advice.get(reason, '')}"


def _said(error: BaseException | None) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {error.verify_message}"
    return str(getattr(error, "strerror", None) or error).lower()
