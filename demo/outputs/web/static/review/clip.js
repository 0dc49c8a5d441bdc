// One clip: its picture, what the model said of it, and the buttons that say what it was.

import { levelRamp } from "../colours.js";
import { label, unit } from "../format.js";
import { colourIn, quietAndLoud } from "../levels.js";
import { ask } from "./api.js";

// Pictures are fetched when they come near the screen.
const near = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) target.clip.load();
    }
  },
  { rootMargin: "400px" },
);

export class ClipView {
  // known: few labels with keys, background, palette; on: play, label, remove, select
  constructor(clip, known, on) {
    this.clip = clip;
    this.known = known;
    const item = document.getElementById("clip").content.cloneNode(true).firstElementChild;
    this.item = item;
    this.article = item.firstElementChild;
    this.article.clip = this;
    const $ = (selector) => item.querySelector(selector);
    this.canvas = $("canvas");
    this.head = $(".head");
    this.playing = $(".play");
    $("h3").textContent = `${clip.when}, ${unit(clip.seconds.toFixed(1), "s")}`;
    $(".said").textContent = label(clip.said);
    this.canvas.setAttribute("aria-label", `Spectrogram of the clip of ${clip.when}`);
    this.article.setAttribute("aria-label", `Clip of ${clip.when}. ${label(clip.said)}`);
    $(".answers").setAttribute("aria-label", `What was heard ${clip.when}`);
    $(".other input").setAttribute("aria-label", `Another label for the clip of ${clip.when}`);
    this.placeWindow($(".window"));
    this.on = on;
    known.keyed.forEach((name, i) => this.addLabel(name, i + 1));
    this.playing.addEventListener("click", () => on.play(this));
    $(".none").addEventListener("click", () => on.label(this, known.background));
    $(".delete").addEventListener("click", () => on.remove(this));
    $(".other").addEventListener("submit", (event) => {
      event.preventDefault();
      const input = $(".other input");
      if (input.value.trim()) on.label(this, input.value);
      input.value = "";
    });
    this.article.addEventListener("focusin", () => on.select(this));
    this.article.addEventListener("pointerdown", () => on.select(this));
    this.showLabel();
    near.observe(this.article);
  }

  addLabel(name, key) {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.label = name;
    button.setAttribute("aria-keyshortcuts", key);
    const hint = document.createElement("kbd");
    hint.textContent = key;
    hint.setAttribute("aria-hidden", "true");
    button.append(label(name), " ", hint);
    button.addEventListener("click", () => this.on.label(this, name));
    button.setAttribute("aria-pressed", name === this.clip.label);
    this.item.querySelector(".labels").append(button);
  }

  // What the model heard for its decision: a little less than the clip.
  placeWindow(mark) {
    const { window_s, seconds } = this.clip;
    mark.hidden = !window_s || !seconds;
    if (mark.hidden) return;
    mark.style.left = `${(100 * window_s[0]) / seconds}%`;
    mark.style.width = `${(100 * (Math.min(window_s[1], seconds) - window_s[0])) / seconds}%`;
  }

  // ------------------------------------------------------------------------------- label

  nameOf(name) {
    return name === this.known.background ? "none of these" : label(name);
  }

  showLabel() {
    const { label: name, deleted } = this.clip;
    const line = this.item.querySelector(".is");
    line.hidden = !name && !deleted;
    line.querySelector("b").textContent = deleted ? "deleted" : name ? this.nameOf(name) : "";
    line.querySelector(".swatch").hidden = deleted || !name || name === this.known.background;
    if (name) this.known.palette.paint(line.querySelector(".swatch"), name);
    this.article.classList.toggle("answered", Boolean(name || deleted));
    for (const button of this.item.querySelectorAll("[data-label]")) {
      button.setAttribute("aria-pressed", button.dataset.label === name);
    }
    this.item.querySelector(".none").setAttribute("aria-pressed", name === this.known.background);
    for (const control of this.item.querySelectorAll(".answers button, .answers input")) {
      control.disabled = Boolean(deleted);
    }
  }

  // ------------------------------------------------------------------------------- picture

  async load() {
    near.unobserve(this.article);
    try {
      const answer = await ask(`api/review/${this.clip.id}/frames`);
      this.n_mels = Number(answer.headers.get("Mels")); // of the model that listens now
      this.values = new Uint8Array(await answer.arrayBuffer());
      this.draw();
    } catch {
      this.article.classList.add("unseen");
    }
  }

  draw() {
    if (!this.values?.length) return;
    const { n_mels } = this;
    const count = this.values.length / n_mels;
    this.canvas.width = count;
    this.canvas.height = n_mels;
    const context = this.canvas.getContext("2d");
    const image = context.createImageData(count, n_mels);
    const [low, high] = quietAndLoud(this.values) ?? [0, 255];
    colourIn(image, this.values, 0, levelRamp(), low, high);
    context.putImageData(image, 0, 0);
  }

  // ------------------------------------------------------------------------------- sound

  showPlaying(share) {
    const on = share !== null;
    this.playing.textContent = on ? "■ Stop" : "▶ Play";
    this.article.classList.toggle("playing", on);
    if (on) this.head.style.left = `${100 * share}%`;
  }
}
