// The day: a strip from midnight (or from a while ago) to now, and the time per scene.

import { cssColour } from "../colours.js";
import { clock, duration, label, percent } from "../format.js";

const STEPS_S = [60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600];
const TICK_PX = 58;
const $ = (id) => document.getElementById(id);

export class DayView {
  // now() gives the Unix time of the machine that listens.
  constructor(palette, now) {
    this.palette = palette;
    this.now = now;
    this.span_s = null; // 0: since midnight; null: not chosen yet
    this.selected = null; // index of a segment
    this.listen();
  }

  listen() {
    const strip = $("strip");
    new ResizeObserver(() => this.draw()).observe(strip);
    addEventListener("theme", () => this.refresh());
    for (const button of $("range").children) {
      button.addEventListener("click", () => this.choose(button));
    }
    strip.addEventListener("keydown", (event) => this.key(event));
    strip.addEventListener("pointermove", (event) => this.point(event));
    strip.addEventListener("pointerdown", (event) => this.point(event));
    strip.addEventListener("pointerleave", ({ pointerType }) => {
      if (pointerType === "mouse") this.select(null);
    });
    strip.addEventListener("blur", () => this.select(null));
  }

  choose(button) {
    this.span_s = Number(button.dataset.seconds);
    for (const other of $("range").children) other.setAttribute("aria-pressed", other === button);
    this.draw();
  }

  // The shortest time that shows all that was heard.
  chooseFitting() {
    const heard_s = this.day.segments.length ? this.now() - this.day.segments[0][0] : 0;
    const buttons = [...$("range").children];
    this.choose(buttons.find((b) => heard_s < Number(b.dataset.seconds)) ?? buttons.at(-1));
  }

  // ------------------------------------------------------------------------------- data

  set(day) {
    this.day = day;
    this.selected = null;
    const date = new Date(`${day.date}T12:00:00Z`);
    const options = { weekday: "long", day: "numeric", month: "long", timeZone: "UTC" };
    $("date").textContent = date.toLocaleDateString("en-GB", options);
    if (this.span_s === null) this.chooseFitting();
    this.refresh();
  }

  // A segment that begins where the newest does is the newest, grown.
  add(segment, seconds) {
    const { segments } = this.day;
    if (segments.at(-1)?.[0] === segment[0]) segments[segments.length - 1] = segment;
    else segments.push(segment);
    this.day.seconds[segment[2]] = seconds;
    this.refresh();
  }

  newest() {
    return this.day?.segments.at(-1);
  }

  refresh() {
    if (!this.day) return;
    this.draw();
    this.fillTable();
  }

  window() {
    const to = Math.max(this.now(), this.newest()?.[1] ?? 0);
    const since = this.span_s ? to - this.span_s : this.day.begin_s;
    return [Math.min(since, to - 60), to];
  }

  // ------------------------------------------------------------------------------- strip

  draw() {
    if (!this.day) return;
    const strip = $("strip");
    const box = strip.getBoundingClientRect();
    strip.width = Math.max(1, Math.round(box.width * devicePixelRatio));
    strip.height = Math.max(1, Math.round(box.height * devicePixelRatio));
    const context = strip.getContext("2d");
    const [from, to] = this.window();
    const x = (time_s) => Math.round(((time_s - from) / (to - from)) * strip.width);
    const fills = new Map();
    for (const [begin, end, scene] of this.day.segments) {
      if (end < from) continue;
      if (!fills.has(scene)) fills.set(scene, this.palette.fill(context, scene));
      context.fillStyle = fills.get(scene);
      const left = Math.max(0, x(begin));
      context.fillRect(left, 0, Math.max(x(end) - left, 1), strip.height);
    }
    this.drawSelected(context, x, strip);
    this.drawHours(from, to, box.width);
    this.describe();
  }

  drawSelected(context, x, strip) {
    const segment = this.day.segments[this.selected];
    if (!segment) return;
    const line = 2 * devicePixelRatio;
    const left = Math.max(line / 2, x(segment[0]));
    context.strokeStyle = cssColour("--text");
    context.lineWidth = line;
    context.strokeRect(left, line / 2, Math.max(x(segment[1]) - left, line), strip.height - line);
  }

  drawHours(from, to, width) {
    const hours = $("hours");
    hours.replaceChildren();
    const offset = this.day.utc_offset_s;
    const step = STEPS_S.find((s) => ((to - from) / s) * TICK_PX <= width) ?? 43200;
    for (let t = Math.ceil((from + offset) / step) * step - offset; t <= to; t += step) {
      const tick = document.createElement("span");
      tick.className = "tick";
      tick.textContent = clock(t, offset, false);
      const share = (t - from) / (to - from);
      tick.style.left = `${100 * share}%`;
      tick.classList.toggle("first", share * width < TICK_PX / 3);
      tick.classList.toggle("last", (1 - share) * width < TICK_PX / 3);
      hours.append(tick);
    }
  }

  // ------------------------------------------------------------------------------- one segment

  key(event) {
    const last = (this.day?.segments.length ?? 0) - 1;
    const at = this.selected ?? last + 1;
    const target = { ArrowLeft: at - 1, ArrowDown: at - 1, ArrowRight: at + 1, ArrowUp: at + 1, Home: 0, End: last }[event.key];
    if (target === undefined || last < 0) return;
    event.preventDefault();
    this.select(Math.min(last, Math.max(0, target)));
  }

  point(event) {
    if (!this.day) return;
    const box = $("strip").getBoundingClientRect();
    const [from, to] = this.window();
    const time_s = from + ((event.clientX - box.left) / box.width) * (to - from);
    const slack = (to - from) / box.width;
    const i = this.day.segments.findLastIndex(([a, b]) => a - slack <= time_s && time_s <= b + slack);
    this.select(i < 0 ? null : i);
  }

  select(index) {
    if (index === this.selected) return;
    this.selected = index;
    this.draw();
  }

  describe() {
    const { segments, utc_offset_s: offset } = this.day;
    const strip = $("strip");
    const chosen = segments[this.selected];
    const shown = chosen ?? segments.at(-1);
    const text = shown
      ? `${clock(shown[0], offset)} to ${clock(shown[1], offset)}: ${label(shown[2])}, ${duration(shown[1] - shown[0])}`
      : "nothing heard yet";
    strip.setAttribute("aria-valuemin", Math.min(1, segments.length));
    strip.setAttribute("aria-valuemax", segments.length);
    strip.setAttribute("aria-valuenow", chosen ? this.selected + 1 : segments.length);
    if (chosen || document.activeElement !== strip) strip.setAttribute("aria-valuetext", text);
    $("segment").textContent = chosen ? text : "Point at the strip, or walk on it with the arrow keys.";
  }

  // ------------------------------------------------------------------------------- table

  fillTable() {
    const heard = Object.entries(this.day.seconds).filter(([, s]) => s > 0);
    heard.sort(([, a], [, b]) => b - a);
    const total = heard.reduce((sum, [, s]) => sum + s, 0);
    const body = $("totals");
    while (body.rows.length < heard.length) body.append($("total-row").content.cloneNode(true));
    while (body.rows.length > heard.length) body.deleteRow(-1);
    heard.forEach(([scene, seconds], i) => {
      const row = body.rows[i];
      row.dataset.scene = scene;
      this.palette.paint(row, scene);
      row.querySelector(".name").textContent = label(scene);
      row.cells[1].textContent = duration(seconds);
      row.querySelector(".fill").style.width = `${(100 * seconds) / total}%`;
      row.querySelector("b").textContent = percent(seconds / total);
    });
  }
}
