// The review: the list of clips, the one that keys mean, and the way back from every answer.

import { ScenePalette } from "../colours.js";
import { label } from "../format.js";
import { askJson } from "./api.js";
import { ClipView } from "./clip.js";
import { Player } from "./player.js";
import { TeacherView } from "./teacher.js";

const PAGE = 30; // clips shown at first, and more at a time
const $ = (id) => document.getElementById(id);

let listing; // what the server told
let known; // what every clip must know
let views = []; // of the clips that are shown
let current = null;
let matching = []; // the clips of the filter
const done = []; // answers that can be taken back: {clip, was}
const player = new Player($("player"), problem);
const teacher = new TeacherView($("teacher"), problem);
const on = {
  play: (view) => player.toggle(view),
  label: (view, name) => inTurn(() => setLabel(view, name)),
  remove: (view) => inTurn(() => remove(view)),
  select,
};

async function load() {
  listing = await askJson("api/review");
  const { labels, few, background } = listing;
  const keyed = labels.slice(0, few);
  known = { keyed, background, palette: new ScenePalette(labels, "") };
  $("labels").replaceChildren(...labels.map((name) => new Option(label(name), name)));
  $("what").textContent = `Recording: ${listing.kept}.`;
  reached(listing.reached);
  show("open");
}

// ------------------------------------------------------------------------------- the list

const FILTERS = {
  open: (clip) => !clip.label,
  labelled: (clip) => clip.label,
  all: () => true,
};

function show(name) {
  for (const button of $("filter").children) {
    button.setAttribute("aria-pressed", button.dataset.show === name);
  }
  player.stop();
  matching = listing.clips.filter((clip) => !clip.deleted && FILTERS[name](clip));
  views = [];
  current = null;
  $("list").replaceChildren();
  $("none").hidden = matching.length > 0;
  more();
}

function more() {
  const next = matching.slice(views.length, views.length + PAGE);
  for (const clip of next) {
    const view = new ClipView(clip, known, on);
    views.push(view);
    $("list").append(view.item);
  }
  $("more").hidden = views.length >= matching.length;
  $("shown").textContent = matching.length > views.length ? `${views.length} of ${matching.length}` : String(matching.length);
}

function select(view) {
  if (view === current) return;
  current?.article.classList.remove("current");
  current = view;
  view.article.classList.add("current");
}

// Moves what the keys mean, and the focus, so that readers say which clip it is.
function go(step, wanted = () => true) {
  let at = current ? views.indexOf(current) + step : 0;
  while (views[at] && !wanted(views[at])) at += step;
  if (at >= views.length && views.length < matching.length) more();
  const view = views[at];
  if (!view) return;
  select(view);
  view.article.focus({ preventScroll: true });
  view.article.scrollIntoView({ block: "nearest" });
}

// ------------------------------------------------------------------------------- answers

// What is asked for is done when all before it is: what a slow connection overtakes would be taken
// back in another order than it was given.
let before = Promise.resolve();
function inTurn(act) {
  before = before.then(act);
}

// What the clip was before; null when it could not be done, undefined when the clip is gone.
async function answer(view, body) {
  problem("");
  try {
    const { was, now, reached: so_far } = await askJson(`api/review/${view.clip.id}`, body);
    reached(so_far);
    if (now.label) addLabel(now.label);
    Object.assign(view.clip, now);
    view.showLabel();
    return was;
  } catch (error) {
    problem(error.message);
    return error.status === 404 ? undefined : null;
  }
}

async function setLabel(view, name) {
  const was = await answer(view, { label: name });
  if (was) note(view, was, view.nameOf(view.clip.label));
}

async function remove(view) {
  if (player.view === view) player.stop();
  const was = await answer(view, { deleted: true });
  if (was) note(view, was, "deleted");
}

function note(view, was, words) {
  done.push({ view, was });
  $("undo").disabled = false;
  $("announce").textContent = words;
  if (view === current) go(1, ({ clip }) => !clip.label && !clip.deleted);
}

// A label that was typed for the first time: offered from now on, with a key if there is one left.
function addLabel(name) {
  if (name === known.background || listing.labels.includes(name)) return;
  listing.labels.push(name);
  known.palette.index.set(name, known.palette.index.size);
  $("labels").append(new Option(label(name), name));
  if (known.keyed.length >= listing.few) return;
  known.keyed.push(name);
  for (const view of views) view.addLabel(name, known.keyed.length);
}

async function undo() {
  const last = done.at(-1);
  const was = last && (await answer(last.view, { label: last.was.label }));
  if (was === null) return; // it may go better next time
  done.pop();
  $("undo").disabled = !done.length;
  if (!was) return;
  $("announce").textContent = "taken back";
  if (!views.includes(last.view)) return;
  select(last.view);
  last.view.article.focus();
}

function reached({ lines, teachable, teacher: state }) {
  const [count, next] = lines;
  $("count").textContent = label(count);
  $("next").replaceChildren();
  if (teachable && !state) {
    const command = document.createElement("code");
    command.textContent = next;
    $("next").append("Next, in a terminal: ", command);
  } else if (!teachable) {
    $("next").textContent = `${label(next)}.`;
  }
  teacher.show(state, teachable);
}

function problem(text) {
  $("problem").textContent = text;
}

// ------------------------------------------------------------------------------- keys

const KEYS = {
  j: () => go(1),
  k: () => go(-1),
  " ": () => current && player.toggle(current),
  n: () => can() && setLabel(current, known.background),
  d: () => can() && remove(current),
  u: undo,
  "/": () => can() && current.item.querySelector(".other input").focus(),
};
const can = () => current && !current.clip.deleted;

addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input");
  if (typing && event.key === "Escape") return current?.article.focus();
  const pressing = event.key === " " && event.target.closest?.("button, a");
  if (typing || pressing || event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
  const name = known?.keyed[Number(event.key) - 1];
  const act = KEYS[event.key] ?? (name && (() => can() && setLabel(current, name)));
  if (!act) return;
  event.preventDefault();
  inTurn(act);
});

$("undo").addEventListener("click", () => inTurn(undo));
$("more").addEventListener("click", more);
for (const button of $("filter").children) {
  button.addEventListener("click", () => show(button.dataset.show));
}
addEventListener("theme", () => views.forEach((view) => (view.draw(), view.showLabel())));
load().catch((error) => problem(error.message));
