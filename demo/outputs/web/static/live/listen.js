// Plays the audio: each piece is scheduled behind the one before it, a little late.

import { unit } from "../format.js";

const LEAD_S = 0.25; // of audio in hand, against a network that hesitates
const MAX_LEAD_S = 1.0;
const $ = (id) => document.getElementById(id);

export class Listener {
  constructor(rate_hz, connection) {
    this.rate_hz = rate_hz;
    this.connection = connection;
    const button = $("listen");
    button.hidden = rate_hz === null;
    button.onclick = () => (this.context ? this.stop() : this.start());
  }

  start() {
    this.context = new AudioContext({ sampleRate: this.rate_hz });
    this.next = 0;
    this.toldAt = -Infinity;
    $("listen").setAttribute("aria-pressed", true);
    this.resume();
  }

  stop() {
    this.connection.send("mute");
    this.context.close();
    this.context = null;
    $("listen").setAttribute("aria-pressed", false);
    $("late").textContent = "";
  }

  // Ask again after a reconnection.
  resume() {
    if (this.context) this.connection.send("listen");
  }

  play(content) {
    if (!this.context) return;
    const samples = Float32Array.from(new Int16Array(content), (x) => x / 32768);
    const now = this.context.currentTime;
    if (this.next > now + MAX_LEAD_S) return; // the sender's clock is ahead of ours
    if (this.next < now) this.next = now + LEAD_S;
    const piece = this.context.createBuffer(1, samples.length, this.rate_hz);
    piece.copyToChannel(samples, 0);
    const source = new AudioBufferSourceNode(this.context, { buffer: piece });
    source.connect(this.context.destination);
    source.start(this.next);
    this.next += piece.duration;
    if (performance.now() < this.toldAt + 1000) return;
    this.toldAt = performance.now();
    $("late").textContent = `playing, ${unit((this.next - now).toFixed(1), "s")} late`;
  }
}
