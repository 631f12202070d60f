// When a page is drawn: at once after somebody has done something, and a few times a second
// at most while the platform tells of changes, which may come faster than anybody reads.

const pause = 250; // ms

export class Painter {
  constructor(draw) {
    this.draw = draw;
    this.last = -pause;
  }

  /** Draws in the next frame. */
  now() {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      this.last = performance.now();
      this.draw();
    });
  }

  /** Draws in the next frame, or once the last one has been seen for a moment. */
  soon() {
    if (this.frame || this.timer) return;
    const wait = this.last + pause - performance.now();
    if (wait > 0) this.timer = setTimeout(() => this.now(), wait);
    else this.now();
  }
}
