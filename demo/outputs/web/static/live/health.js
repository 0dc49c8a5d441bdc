// How the classifier is: level meter, tiles with warnings in words, notices.

import { clock, decibels, duration, signed, unit } from "../format.js";

const METER_DBFS = -72; // the meter's left end
const FALL_DB = 1.5; // of the peak's mark, each time
const CLIPPING_DBFS = -0.1;
const HOT_C = 80; // where a Raspberry Pi begins to slow down
const BUSY = 0.8;
const OLD_S = 3;
const MAX_NOTICES = 50;
const $ = (id) => document.getElementById(id);

// name, text of a health, whether it is worth a warning
const TILES = [
  ["Peak", (h, silence) => unit(decibels(h.peak_dbfs, silence), "dBFS"), (h) => h.peak_dbfs >= CLIPPING_DBFS && "clips"],
  ["Last audio", (h) => (h.audio_age_s === null ? null : unit(signed(h.audio_age_s, 1), "s ago")), (h) => h.audio_age_s > OLD_S && "late"],
  ["Latency", (h) => (h.latency_ms === null ? null : unit(Math.round(h.latency_ms), "ms")), () => false],
  ["Real-time factor", (h) => h.real_time_factor.toFixed(3), (h) => h.real_time_factor > BUSY && "busy"],
  ["Overruns", (h) => String(h.overruns), (h) => h.overruns > 0 && "audio lost"],
  ["Dropped", (h) => unit(signed(h.dropped_s, 1), "s"), (h) => h.dropped_s > 0 && "too slow"],
  ["Reopened", (h) => `${h.reopens}×`, (h) => h.reopens > 0 && "see notices"],
  ["Processor", (h) => (h.temperature_c === null ? null : unit(Math.round(h.temperature_c), "°C")), (h) => h.temperature_c >= HOT_C && "hot"],
  ["Throttled", (h) => h.throttled && (h.throttled.join(", ") || "no"), (h) => h.throttled?.length > 0 && "slowed down"],
  ["Memory", (h) => unit(Math.round(h.rss_bytes / 1e6), "MB"), () => false],
  ["Running", (h) => duration(h.uptime_s), () => false],
  ["Classified", (h) => duration(h.audio_s), () => false],
];

export class HealthView {
  constructor(silence_dbfs) {
    this.silence = silence_dbfs;
    this.held = silence_dbfs; // the peak that the meter shows
  }

  show(health) {
    setPill($("state"), health.state, { listening: "good", ended: "waiting", starting: "waiting" }[health.state] ?? "bad");
    const rate = health.sample_rate_hz ? `, ${unit(health.sample_rate_hz / 1000, "kHz")}` : "";
    $("source").textContent = health.source + rate;
    const tiles = $("tiles");
    while (tiles.children.length < TILES.length) tiles.append($("tile").content.cloneNode(true));
    TILES.forEach(([name, text, warning], i) => {
      const value = text(health, this.silence);
      const why = value !== null && warning(health);
      const [term, number, note] = tiles.children[i].children;
      term.textContent = name;
      number.textContent = value ?? "not known";
      note.textContent = why ? `▲ ${why}` : "";
      tiles.children[i].dataset.state = why ? "bad" : value === null ? "unknown" : "good";
    });
  }

  // Ten times a second.
  showLevel(level_dbfs, peak_dbfs) {
    const share = (dbfs) => `${100 * Math.min(1, Math.max(0, 1 - dbfs / METER_DBFS))}%`;
    this.held = Math.max(peak_dbfs, this.held - FALL_DB);
    document.querySelector("#level .fill").style.width = share(level_dbfs);
    document.querySelector("#level .peak").style.left = share(this.held);
    $("level").classList.toggle("clips", this.held >= CLIPPING_DBFS);
    $("level-dbfs").textContent = unit(decibels(level_dbfs, this.silence), "dBFS");
    $("peak-dbfs").textContent = unit(decibels(this.held, this.silence), "dBFS");
  }
}

export function setPill(pill, text, state) {
  if (pill.textContent !== text) pill.textContent = text;
  pill.dataset.state = state;
}

export function showNotices(notices, offset_s) {
  $("notice-list").replaceChildren();
  for (const notice of notices) addNotice(notice, offset_s);
  $("no-notices").hidden = notices.length > 0;
}

export function addNotice(notice, offset_s) {
  const item = document.createElement("li");
  const time = document.createElement("time");
  time.dateTime = new Date(1000 * notice.time_s).toISOString();
  time.textContent = clock(notice.time_s, offset_s);
  item.append(time, notice.text);
  const list = $("notice-list");
  list.prepend(item);
  while (list.children.length > MAX_NOTICES) list.lastChild.remove();
  $("no-notices").hidden = true;
}
