// The teacher, where the classifier has one: what it does, the figures, and the buttons that are
// possible now.

import { label } from "../format.js";
import { askJson } from "./api.js";

const LOOK_EVERY_MS = 1000; // while it is busy

export class TeacherView {
  constructor(box, onProblem) {
    this.box = box;
    this.onProblem = onProblem;
    for (const button of this.buttons()) {
      button.addEventListener("click", () => this.ask({ do: button.dataset.do }));
    }
  }

  buttons() {
    return this.box.querySelectorAll("[data-do]");
  }

  async ask(what) {
    clearTimeout(this.timer);
    try {
      if (what) this.onProblem("");
      this.show(await askJson("api/teach", what));
    } catch (error) {
      this.onProblem(error.message);
      if (!what) this.lookAgain(); // it may answer later
    }
  }

  lookAgain() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), LOOK_EVERY_MS);
  }

  // state: text, busy, can, share, back, figures; null where nobody teaches
  show(state, teachable = this.teachable) {
    this.box.hidden = !state;
    this.teachable = teachable;
    if (!state) return;
    const $ = (selector) => this.box.querySelector(selector);
    if ($("#teacher-state").textContent !== state.text) $("#teacher-state").textContent = state.text;
    $("#teacher-share").hidden = state.share === null;
    $("#teacher-share").value = state.share ?? 0;
    $("[data-do=back] span").textContent = state.back;
    for (const button of this.buttons()) this.allow(button, state);
    this.showFigures(state.figures);
    clearTimeout(this.timer);
    if (state.busy) this.lookAgain();
  }

  // Teaching and stopping share a place, and what was never possible is not shown.
  allow(button, { can }) {
    const name = button.dataset.do;
    const possible = can.includes(name);
    button.disabled = !possible || (name === "start" && !this.teachable);
    button.hidden = !possible && (name !== "start" || can.includes("cancel"));
  }

  showFigures(figures) {
    const box = this.box.querySelector("#figures");
    box.hidden = !figures;
    if (!figures) return;
    const { head, rows, notes } = figures;
    box.querySelector("thead tr").replaceChildren(...cells(head, "col"));
    box.querySelector("tbody").replaceChildren(
      ...rows.map(([what, ...shares]) => {
        const row = document.createElement("tr");
        row.append(...cells([label(what)], "row"), ...cells(shares));
        return row;
      }),
    );
    box.querySelector("ul").replaceChildren(...notes.map((text) => element("li", label(text))));
  }
}

function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

// scope: of header cells; none for others
function cells(texts, scope) {
  return texts.map((text) => {
    const cell = element(scope ? "th" : "td", text);
    if (scope) cell.scope = scope;
    return cell;
  });
}
