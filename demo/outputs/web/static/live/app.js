// Puts the page together: what the socket says goes to the view that shows it.

import { ScenePalette } from "../colours.js";
import { AUDIO, Connection, FRAMES } from "./connection.js";
import { DayView } from "./day.js";
import { unit } from "../format.js";
import { HealthView, addNotice, setPill, showNotices } from "./health.js";
import { Listener } from "./listen.js";
import { Scenes } from "./scenes.js";
import { Spectrogram } from "./spectrogram.js";

const $ = (id) => document.getElementById(id);
let hello = null;
let palette, scenes, day, health, spectrogram, listener;
let clockAhead_s = 0; // of the machine that listens

const machineTime = () => Date.now() / 1000 + clockAhead_s;

const connection = new Connection({ text: receive, bytes: receiveBytes, state: showConnection });

function receive(message) {
  if (message.type === "hello") welcome(message);
  if (message.type === "decision") showDecision(message);
  if (message.type === "health") {
    if (message.day) day.set(message.day);
    health.show(message.health);
  }
  if (message.type === "notice") addNotice(message.notice, hello.day.utc_offset_s);
}

function receiveBytes({ kind, level_dbfs, peak_dbfs, first, content }) {
  if (kind === FRAMES) {
    spectrogram.push(first, new Uint8Array(content));
    health.showLevel(level_dbfs, peak_dbfs);
  } else if (kind === AUDIO) {
    listener.play(content);
  }
}

// The first message of a connection, and again after something was lost on the way.
function welcome(message) {
  const old = hello;
  hello = message;
  clockAhead_s = message.time_s - Date.now() / 1000;
  if (!old) build(message);
  else if (isOther(old, message)) return location.reload();
  else if (old.started_s !== message.started_s) spectrogram.clear(0);
  if (isNew("metadata", old, message)) introduce(message);
  if (isNew("kept", old, message)) showKept(message.kept);
  palette.know(Object.keys(message.day.seconds));
  day.set(message.day);
  if (message.decision) scenes.show(message.decision);
  scenes.showSince(day.newest());
  if (message.health) health.show(message.health);
  showNotices(message.notices, message.day.utc_offset_s);
  listener.resume();
}

const isNew = (part, old, message) => JSON.stringify(old?.[part]) !== JSON.stringify(message[part]);

// Another version of the page, or a model that hears other features: the picture does not fit it.
function isOther(old, message) {
  return ["page", "spectrogram", "audio_rate_hz"].some((part) => isNew(part, old, message));
}

// The model, the first or another one: its labels.
function introduce({ metadata }) {
  $("model").textContent = `${metadata.id}, ${metadata.precision}`;
  palette.begin(metadata.labels);
  scenes.begin(metadata);
}

function build({ unsure, silence_dbfs, spectrogram: plot, audio_rate_hz }) {
  palette = new ScenePalette(unsure);
  scenes = new Scenes(unsure, palette);
  day = new DayView(palette, machineTime);
  health = new HealthView(silence_dbfs);
  listener = new Listener(audio_rate_hz, connection);
  spectrogram = new Spectrogram(plot, {
    canvas: $("spectrogram"),
    xAxis: document.querySelector("#plot .x-axis"),
    yAxis: document.querySelector("#plot .y-axis"),
    scale: $("scale"),
    quiet: $("quiet-db"),
    loud: $("loud-db"),
    readout: $("readout"),
  });
}

// That sound is kept is said to everybody who looks.
function showKept(kept) {
  $("kept").hidden = !kept;
  $("review-link").hidden = !kept?.reviewable;
  if (!kept) return;
  const how = kept.reviewable ? "" : ". To review them here, start with a token (EDGE_ASC_WEB_TOKEN)";
  $("kept").textContent = `Recording: ${kept.text}${how}.`;
}

function showDecision({ decision, segment, seconds, day: newDay }) {
  if (newDay) day.set(newDay);
  else day.add(segment, seconds);
  scenes.show(decision);
  scenes.showSince(segment);
}

function showConnection(state, seconds, reason) {
  const words = {
    waiting: "connecting",
    connected: "connected",
    lost: `${reason || "connection lost"}, next try in ${unit(seconds, "s")}`,
  };
  setPill($("connection"), words[state], { connected: "good", lost: "bad" }[state] ?? "waiting");
  $("retry").hidden = state !== "lost";
  if (state === "lost" && !document.body.classList.contains("offline")) {
    $("announce").textContent = "Connection lost";
  }
  if (state !== "waiting") document.body.classList.toggle("offline", state === "lost");
}

$("retry").addEventListener("click", () => connection.retry());
$("pause").addEventListener("click", () => {
  if (spectrogram) $("pause").setAttribute("aria-pressed", spectrogram.togglePause());
});
