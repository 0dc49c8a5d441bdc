// Colours that people with any colour vision tell apart.
// Scenes: seven hues of the Okabe-Ito palette, then the same again, hatched. Levels: a ramp whose
// lightness only grows (dark theme) or falls (light theme), so that it reads in grey too.

const HUES = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442"];
const RAMPS = {
  dark: ["#10151d", "#1d2f5e", "#2f5f8a", "#4b9a94", "#b9bf5c", "#ffe9a8"],
  light: ["#f4f6f8", "#c4dcdf", "#7db4c4", "#4379a8", "#3a3c7c", "#1d0f33"],
};
const HATCHES = 4;

export const theme = () => document.documentElement.dataset.theme;

export function cssColour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

// ------------------------------------------------------------------------------------- scenes

export class ScenePalette {
  constructor(unsure) {
    this.unsure = unsure;
    this.begin([]);
  }

  // A model's labels, in its order.
  begin(labels) {
    this.index = new Map();
    this.know(labels);
  }

  // Others besides: what another model has heard today.
  know(names) {
    for (const name of names) {
      if (name !== this.unsure && !this.index.has(name)) this.index.set(name, this.index.size);
    }
  }

  colour(scene) {
    const i = this.index.get(scene);
    return i === undefined ? cssColour("--unsure") : HUES[i % HUES.length];
  }

  hatch(scene) {
    const i = this.index.get(scene);
    return i === undefined ? 1 : Math.floor(i / HUES.length) % HATCHES;
  }

  // Gives an element the scene's colour; the style sheet draws the hatching.
  paint(element, scene) {
    element.style.setProperty("--scene", this.colour(scene));
    element.dataset.hatch = this.hatch(scene);
  }

  // The same for a canvas.
  fill(context, scene) {
    const tile = document.createElement("canvas");
    tile.width = tile.height = 8;
    const paint = tile.getContext("2d");
    paint.fillStyle = this.colour(scene);
    paint.fillRect(0, 0, 8, 8);
    paint.strokeStyle = cssColour("--hatch");
    paint.lineWidth = 2;
    const lines = [[], [[-2, 10, 10, -2], [-2, 2, 2, -2], [6, 10, 10, 6]], [[4, 0, 4, 8]], [[0, 4, 8, 4]]];
    for (const [x0, y0, x1, y1] of lines[this.hatch(scene)]) {
      paint.beginPath();
      paint.moveTo(x0, y0);
      paint.lineTo(x1, y1);
      paint.stroke();
    }
    return context.createPattern(tile, "repeat");
  }
}

// ------------------------------------------------------------------------------------- levels

// 256 colours as RGBA bytes, from quiet to loud, evenly spaced for the eye (in OKLab).
export function levelRamp() {
  const anchors = RAMPS[theme()].map((hex) => toOklab(parse(hex)));
  const bytes = new Uint8ClampedArray(256 * 4);
  for (let i = 0; i < 256; i++) {
    const at = (i / 255) * (anchors.length - 1);
    const k = Math.min(Math.floor(at), anchors.length - 2);
    const lab = anchors[k].map((low, c) => low + (at - k) * (anchors[k + 1][c] - low));
    bytes.set([...fromOklab(lab).map((x) => 255 * x), 255], 4 * i);
  }
  return bytes;
}

const parse = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16) / 255);
const toLinear = (x) => (x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
const toSrgb = (x) => (x <= 0.0031308 ? 12.92 * x : 1.055 * x ** (1 / 2.4) - 0.055);

function toOklab(rgb) {
  const [r, g, b] = rgb.map(toLinear);
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

function fromOklab([L, a, b]) {
  const l = (L + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (L - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (L - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const rgb = [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
  return rgb.map((x) => Math.min(1, Math.max(0, toSrgb(Math.max(0, x)))));
}
