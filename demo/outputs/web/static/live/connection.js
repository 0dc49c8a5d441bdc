// The socket: opens itself again after a loss, ever more patiently, and at once when asked to.

const FIRST_DELAY_MS = 500;
const MAX_DELAY_MS = 15000;
const SILENCE_MS = 8000; // health comes once a second; a network can vanish without a word
const HEADER_BYTES = 20;
export const FRAMES = 1;
export const AUDIO = 2;

export class Connection {
  // handlers: text(object), bytes(message), state(name, seconds until the next try)
  constructor(handlers) {
    this.handlers = handlers;
    this.delay_ms = FIRST_DELAY_MS;
    setInterval(() => this.check(), 1000);
    addEventListener("online", () => this.retry());
    document.addEventListener("visibilitychange", () => document.hidden || this.retry());
    this.open();
  }

  open() {
    clearTimeout(this.timer);
    this.retryAt = null;
    this.heardAt = performance.now();
    this.handlers.state("waiting");
    const url = new URL("socket", location.href);
    url.protocol = url.protocol.replace("http", "ws");
    const socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => this.receive(data);
    socket.onclose = ({ reason }) => this.lost(socket, reason);
    this.socket = socket;
  }

  receive(data) {
    this.heardAt = performance.now();
    if (typeof data === "string") {
      this.delay_ms = FIRST_DELAY_MS;
      this.handlers.state("connected");
      this.handlers.text(JSON.parse(data));
    } else {
      this.handlers.bytes(unpack(data));
    }
  }

  send(word) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(word);
  }

  lost(socket, reason) {
    if (socket !== this.socket || this.retryAt !== null) return;
    this.retryAt = performance.now() + this.delay_ms;
    this.timer = setTimeout(() => this.open(), this.delay_ms);
    this.delay_ms = Math.min(2 * this.delay_ms * (1 + 0.2 * Math.random()), MAX_DELAY_MS);
    this.handlers.state("lost", this.secondsToRetry(), reason);
    askForToken();
  }

  retry() {
    if (this.retryAt !== null) this.open();
  }

  secondsToRetry() {
    return Math.max(0, Math.ceil((this.retryAt - performance.now()) / 1000));
  }

  check() {
    if (this.retryAt !== null) {
      this.handlers.state("lost", this.secondsToRetry());
    } else if (performance.now() - this.heardAt > SILENCE_MS) {
      const silent = this.socket;
      this.lost(silent);
      silent.close();
    }
  }
}

// A socket does not say why it was refused; a request does.
async function askForToken() {
  const answer = await fetch("api/state", { method: "HEAD" }).catch(() => null);
  if (answer?.status === 401) location.assign("login");
}

function unpack(buffer) {
  const view = new DataView(buffer);
  return {
    kind: view.getUint32(0, true),
    level_dbfs: view.getFloat32(4, true),
    peak_dbfs: view.getFloat32(8, true),
    first: view.getFloat64(12, true),
    content: buffer.slice(HEADER_BYTES),
  };
}
