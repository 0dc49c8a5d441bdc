// The log-mel spectrogram: newest at the right, scrolling at the speed of the sound.
// Frames are kept as bytes in a ring, and as pixels in a hidden canvas that is the same ring.

import { levelRamp } from "../colours.js";
import { hertz, signed, unit } from "../format.js";
import { colourIn, quietAndLoud } from "../levels.js";

const WIDE_PX = 560; // narrower plots show less time
const NARROW_S = 12;
const TICK_GAP_PX = 20;
const NICE_HZ = [20, 50, 100, 200, 500, 1000, 2000, 3000, 5000, 7000, 10000, 15000, 20000, 40000];
const LEVELS_EVERY_MS = 1000;
const SLACK_S = 3; // kept beyond what is seen: the picture runs behind the frames
const MAX_HELD = 400; // messages, about the time that is shown

export class Spectrogram {
  constructor(description, elements) {
    Object.assign(this, description); // n_mels, frames_per_s, edges_hz, min_db, max_db, history_s
    this.elements = elements;
    this.n = Math.round((this.history_s + SLACK_S) * this.frames_per_s);
    this.values = new Uint8Array(this.n * this.n_mels);
    this.ring = document.createElement("canvas");
    this.ring.width = this.n;
    this.ring.height = this.n_mels;
    this.pixels = this.ring.getContext("2d", { willReadFrequently: true });
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
    this.paused = false;
    this.low = 0;
    this.high = 255;
    this.seconds = this.history_s;
    this.clear(0);
    this.recolour();
    this.observe();
    this.loop();
  }

  // ------------------------------------------------------------------------------- frames in

  // Forget everything; the next frame has this number.
  clear(first) {
    this.values.fill(0);
    this.held = []; // messages that came while paused
    this.head = first; // number of the next frame
    this.position = first; // what stands at the right edge, with a fraction
    this.gap_s = 0.2; // longest time between arrivals, lately
    this.arrivedAt = performance.now();
    this.levelledAt = -Infinity;
  }

  push(first, bytes) {
    if (this.paused) {
      this.held.push([first, bytes]);
      if (this.held.length > MAX_HELD) this.held.shift();
      return;
    }
    const end = first + bytes.length / this.n_mels;
    if (first > this.head + this.n) this.clear(first);
    const before = this.head;
    while (this.head < Math.min(first, end)) this.put(this.head++, null); // lost on the way
    while (this.head < end) {
      const at = (this.head - first) * this.n_mels;
      this.put(this.head++, bytes.subarray(at, at + this.n_mels));
    }
    this.paint(before, this.head);
    this.level();
    const now = performance.now();
    this.gap_s = Math.min(2, Math.max((now - this.arrivedAt) / 1000, 0.98 * this.gap_s));
    this.arrivedAt = now;
    if (this.still.matches) this.draw();
  }

  togglePause() {
    this.paused = !this.paused;
    if (!this.paused) for (const message of this.held.splice(0)) this.push(...message);
    return this.paused;
  }

  put(frame, column) {
    const at = (frame % this.n) * this.n_mels;
    if (column) this.values.set(column, at);
    else this.values.fill(0, at, at + this.n_mels);
  }

  // ------------------------------------------------------------------------------- colours

  recolour() {
    this.ramp = levelRamp();
    this.drawScale();
    this.paint(this.head - this.n, this.head);
    this.draw();
  }

  // Quiet and loud follow what was heard: most of it lies between them.
  level() {
    const now = performance.now();
    if (now - this.levelledAt < LEVELS_EVERY_MS) return;
    this.levelledAt = now;
    const found = quietAndLoud(this.values);
    if (!found) return;
    const [low, high] = found;
    if (Math.abs(low - this.low) + Math.abs(high - this.high) < 8) return;
    this.low = low;
    this.high = high;
    this.recolour();
  }

  // Frames as pixels; those that wrap around the ring in two pieces.
  paint(from, to) {
    from = Math.max(from, to - this.n, 0);
    if (to <= from) return;
    const start = from % this.n;
    const count = Math.min(to - from, this.n - start);
    const image = this.pixels.createImageData(count, this.n_mels);
    colourIn(image, this.values, start, this.ramp, this.low, this.high);
    this.pixels.putImageData(image, start, 0);
    this.paint(from + count, to);
  }

  drawScale() {
    const { scale, quiet, loud } = this.elements;
    const context = scale.getContext("2d");
    const image = context.createImageData(scale.width, 1);
    for (let x = 0; x < scale.width; x++) {
      const shade = Math.round((255 * x) / (scale.width - 1));
      image.data.set(this.ramp.subarray(4 * shade, 4 * shade + 4), 4 * x);
    }
    context.putImageData(image, 0, 0);
    quiet.textContent = signed(this.toDb(this.low));
    loud.textContent = unit(signed(this.toDb(this.high)), "dB");
  }

  toDb(value) {
    return this.min_db + (value / 255) * (this.max_db - this.min_db);
  }

  // ------------------------------------------------------------------------------- scrolling

  loop() {
    let last = performance.now();
    const step = (now) => {
      this.advance((now - last) / 1000);
      last = now;
      requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }

  // Frames arrive in bursts; the picture moves evenly, a little later than the latest of them.
  advance(seconds) {
    if (this.paused || this.still.matches) return;
    const behind_s = (this.head - this.position) / this.frames_per_s;
    const wanted_s = 1.2 * this.gap_s + 0.05;
    if (behind_s > wanted_s + 1.5) {
      this.position = this.head - wanted_s * this.frames_per_s;
    } else {
      const speed = 1 + Math.max(-0.5, Math.min(0.5, behind_s - wanted_s));
      this.position = Math.min(this.head, this.position + seconds * speed * this.frames_per_s);
    }
    this.draw();
  }

  draw() {
    const { canvas } = this.elements;
    const context = canvas.getContext("2d");
    if (this.still.matches && !this.paused) this.position = this.head;
    const width = this.seconds * this.frames_per_s;
    const from = this.position - width;
    context.imageSmoothingEnabled = true;
    context.fillStyle = `rgb(${this.ramp[0]} ${this.ramp[1]} ${this.ramp[2]})`;
    context.fillRect(0, 0, canvas.width, canvas.height);
    const oldest = Math.max(0, from, this.head - this.n);
    for (let a = oldest; a < this.position; ) {
      const start = a % this.n;
      const count = Math.min(this.position - a, this.n - start);
      const x = ((a - from) / width) * canvas.width;
      const w = (count / width) * canvas.width;
      context.drawImage(this.ring, start, 0, count, this.n_mels, x, 0, w, canvas.height);
      a += count;
      if (count <= 1e-6) break;
    }
  }

  // ------------------------------------------------------------------------------- axes

  observe() {
    const { canvas } = this.elements;
    new ResizeObserver(() => this.resize()).observe(canvas);
    addEventListener("theme", () => this.recolour());
    canvas.addEventListener("pointermove", (event) => this.point(event));
    canvas.addEventListener("pointerleave", () => (this.elements.readout.textContent = ""));
  }

  resize() {
    const { canvas } = this.elements;
    const { width, height } = canvas.getBoundingClientRect();
    canvas.width = Math.max(1, Math.round(width * devicePixelRatio));
    canvas.height = Math.max(1, Math.round(height * devicePixelRatio));
    this.seconds = width < WIDE_PX ? Math.min(NARROW_S, this.history_s) : this.history_s;
    this.drawAxes(width, height);
    this.draw();
  }

  drawAxes(width, height) {
    const { xAxis, yAxis } = this.elements;
    yAxis.querySelectorAll(".tick").forEach((tick) => tick.remove());
    let above = -Infinity; // pixels from the bottom
    for (const frequency of NICE_HZ) {
      const share = this.shareOf(frequency);
      const at = share * height;
      if (share < 0 || share > 1 || at - above < TICK_GAP_PX || at > height - TICK_GAP_PX) continue;
      above = at;
      const tick = addTick(yAxis, hertz(frequency), "bottom", share);
      tick.dataset.hz = frequency;
    }
    xAxis.replaceChildren();
    const step = this.seconds > 15 ? 5 : 2;
    for (let s = 0; s <= this.seconds; s += step) {
      const tick = addTick(xAxis, s ? unit(signed(-s), "s") : "now", "left", 1 - s / this.seconds);
      if (s === 0) tick.classList.add("last");
    }
  }

  // Where a frequency stands between the bottom (0) and the top (1) of the plot.
  shareOf(frequency) {
    const i = this.edges_hz.findIndex((edge) => edge >= frequency);
    if (i <= 0) return i === 0 && this.edges_hz[0] === frequency ? 0 : -1;
    const [below, above] = [this.edges_hz[i - 1], this.edges_hz[i]];
    return (i - 1 + (frequency - below) / (above - below)) / this.n_mels;
  }

  point(event) {
    const box = this.elements.canvas.getBoundingClientRect();
    const s = this.seconds * (1 - (event.clientX - box.left) / box.width);
    const frame = Math.floor(this.position - s * this.frames_per_s);
    const mel = Math.floor(this.n_mels * (1 - (event.clientY - box.top) / box.height));
    if (mel < 0 || mel >= this.n_mels || frame < Math.max(0, this.head - this.n)) return;
    const value = this.values[(frame % this.n) * this.n_mels + mel];
    const centre = Math.round((this.edges_hz[mel] + this.edges_hz[mel + 1]) / 2);
    const level = unit(signed(this.toDb(value)), "dB");
    this.elements.readout.textContent = `${unit(signed(-s, 1), "s")}, ${unit(centre, "Hz")}, ${level}`;
  }
}

function addTick(axis, text, side, share) {
  const tick = document.createElement("span");
  tick.className = "tick";
  tick.textContent = text;
  tick.style[side] = `${100 * share}%`;
  axis.append(tick);
  return tick;
}
