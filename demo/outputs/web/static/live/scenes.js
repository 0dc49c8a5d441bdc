// What is heard now: the scene in large, probabilities as bars, and a sparing voice for readers.

import { duration, label, percent } from "../format.js";

const SPEAK_EVERY_MS = 10000;
const $ = (id) => document.getElementById(id);

export class Scenes {
  constructor(unsure, palette) {
    this.unsure = unsure;
    this.palette = palette;
    addEventListener("theme", () => this.swatch());
    this.scene = null;
  }

  // A bar for each label of a model; what the one before it said last stands until it speaks.
  begin({ labels, abstract_labels }) {
    this.bars = makeBars(document.querySelector("#scenes .bars"), labels, this.palette);
    this.abstract = makeBars(document.querySelector("#abstract .bars"), abstract_labels);
    $("abstract").hidden = !abstract_labels.length;
    $("scenes").classList.toggle("many", labels.length > 16);
    this.swatch();
  }

  show(decision) {
    this.scene = decision.scene;
    const unsure = decision.scene === this.unsure;
    $("scene-name").textContent = label(decision.scene);
    $("scene").classList.toggle("unsure", unsure);
    this.swatch();
    setBars(this.bars, decision.probabilities, decision.scene);
    if (decision.abstract_probabilities) {
      setBars(this.abstract, decision.abstract_probabilities, decision.abstract);
    }
    this.decision = decision;
    document.title = `${label(decision.scene)} · edge-asc`;
    this.announce(decision);
  }

  swatch() {
    if (this.scene) this.palette.paint(document.querySelector("#scene .swatch"), this.scene);
  }

  // How sure, and for how long; `segment` is the newest of the day.
  showSince(segment) {
    if (!this.decision || !segment) return;
    const { scene, confidence, probabilities } = this.decision;
    const best = Object.keys(probabilities).reduce((a, b) => (probabilities[b] > probabilities[a] ? b : a));
    const sure = scene === this.unsure ? `likeliest: ${label(best)}, ${percent(confidence)}` : percent(confidence);
    const since = segment[2] === scene ? ` · for ${duration(segment[1] - segment[0])}` : "";
    $("sure").textContent = sure + since;
  }

  // Screen readers hear a new scene, at most every ten seconds, then the latest.
  announce(decision) {
    if (decision.scene === this.announced || this.speaking) return;
    const say = () => {
      this.speaking = null;
      if (this.scene === this.announced) return;
      this.announced = this.scene;
      this.spokenAt = performance.now();
      $("announce").textContent = `Scene: ${label(this.scene)}`;
    };
    const wait = (this.spokenAt ?? -SPEAK_EVERY_MS) + SPEAK_EVERY_MS - performance.now();
    if (wait <= 0) say();
    else this.speaking = setTimeout(say, wait);
  }
}

function makeBars(list, labels, palette) {
  const rows = new Map();
  list.replaceChildren();
  for (const name of labels) {
    const row = document.createElement("li");
    row.dataset.label = name;
    const [text, track, fill, value] = ["span", "div", "div", "b"].map((tag) => document.createElement(tag));
    text.textContent = label(name);
    text.title = label(name);
    track.className = "track";
    track.setAttribute("aria-hidden", "true");
    track.append(fill);
    fill.className = "fill";
    palette?.paint(fill, name);
    value.textContent = "–";
    row.append(text, track, value);
    list.append(row);
    rows.set(name, { row, fill, value });
  }
  return rows;
}

function setBars(rows, probabilities, shown) {
  for (const [name, { row, fill, value }] of rows) {
    const share = probabilities[name] ?? 0;
    fill.style.width = `${(100 * share).toFixed(1)}%`;
    value.textContent = percent(share);
    row.classList.toggle("shown", name === shown);
  }
}
