// One clip sounds at a time.

export class Player {
  constructor(audio, onProblem) {
    this.audio = audio;
    this.view = null;
    audio.addEventListener("ended", () => this.stop());
    audio.addEventListener("error", () => {
      if (!this.view) return;
      this.stop();
      onProblem("the clip cannot be played");
    });
  }

  toggle(view) {
    const same = view === this.view;
    this.stop();
    if (same) return;
    this.view = view;
    this.audio.src = `api/review/${view.clip.id}/sound`;
    this.audio.play().catch(() => {}); // "error" tells
    this.follow();
  }

  stop() {
    this.view?.showPlaying(null);
    this.view = null;
    this.audio.pause();
  }

  follow() {
    if (!this.view) return;
    const { currentTime, duration } = this.audio;
    this.view.showPlaying(duration > 0 ? currentTime / duration : 0);
    requestAnimationFrame(() => this.follow());
  }
}
