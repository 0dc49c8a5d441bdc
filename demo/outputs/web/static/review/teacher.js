// The teacher, where the classifier has one: what it does, and the buttons that are possible now.

import { askJson } from "./api.js";

const LOOK_EVERY_MS = 2000; // while it is busy

export class TeacherView {
  constructor(box, onProblem) {
    this.box = box;
    this.onProblem = onProblem;
    for (const button of box.querySelectorAll("[data-do]")) {
      button.addEventListener("click", () => this.ask({ do: button.dataset.do }));
    }
  }

  async ask(what) {
    try {
      this.show(await askJson("api/teach", what));
    } catch (error) {
      this.onProblem(error.message);
    }
  }

  // state: text, busy, can; null where nobody teaches
  show(state, teachable = this.teachable) {
    this.box.hidden = !state;
    this.teachable = teachable;
    if (!state) return;
    this.box.querySelector("#teacher-state").textContent = state.text;
    for (const button of this.box.querySelectorAll("[data-do]")) {
      const possible = state.can.includes(button.dataset.do);
      button.disabled = !possible || (button.dataset.do === "start" && !teachable);
    }
    clearTimeout(this.timer);
    if (state.busy) this.timer = setTimeout(() => this.ask(), LOOK_EVERY_MS);
  }
}
