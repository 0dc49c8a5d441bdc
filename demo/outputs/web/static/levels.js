// Levels as colours: which bytes are quiet and which loud, and columns of them as pixels.

const MIN_RANGE = 70; // in bytes, about 30 dB: noise alone does not look like a storm

// The bytes between which most of what was heard lies; null of silence.
export function quietAndLoud(values) {
  const counts = new Uint32Array(256);
  for (const value of values) counts[value]++;
  counts[0] = 0; // silence and what is not there yet
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (!total) return null;
  const low = quantile(counts, 0.05 * total);
  return [low, Math.max(quantile(counts, 0.998 * total), low + MIN_RANGE)];
}

function quantile(counts, wanted) {
  let seen = 0;
  return counts.findIndex((count) => (seen += count) >= wanted);
}

// Columns of n_mels bytes each, the lowest band first, from column `first` on, into an image as wide.
export function colourIn(image, values, first, ramp, low, high) {
  const { width: count, height: n_mels } = image;
  const out = new Uint32Array(image.data.buffer);
  const colours = new Uint32Array(ramp.buffer);
  const gain = 255 / (high - low);
  for (let x = 0; x < count; x++) {
    const column = (first + x) * n_mels;
    for (let mel = 0; mel < n_mels; mel++) {
      const shade = Math.round((values[column + mel] - low) * gain);
      out[(n_mels - 1 - mel) * count + x] = colours[Math.min(255, Math.max(0, shade))];
    }
  }
}
