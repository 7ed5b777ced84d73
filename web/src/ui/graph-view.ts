// Where a drawing is looked at from: pan, zoom, fit. It moves one element and draws nothing, so
// that a graph of any size moves smoothly.
import type { Box } from '../api/instance';

const SCALE_MIN = 0.03;
const SCALE_MAX = 2;
const FAR = 0.5; // below, texts cannot be read and are left out
const READABLE = 0.62;
const MARGIN = 16;

type Size = { width: number; height: number };

export class GraphView {
  private x = 0;
  private y = 0;
  private scale = 1;
  private frame = 0;
  private isFitted = true; // the reader has not chosen another place

  constructor(private readonly box: HTMLElement, private readonly plane: HTMLElement,
    private readonly size: Size) {}

  private apply(): void {
    if (this.frame !== 0) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.plane.style.transform = `translate(${this.x}px, ${this.y}px) scale(${this.scale})`;
      this.plane.classList.toggle('is-far', this.scale < FAR);
    });
  }

  end(): void {
    cancelAnimationFrame(this.frame);
  }

  private wholeScale(): number {
    const { clientWidth, clientHeight } = this.box;
    return Math.min((clientWidth - 2 * MARGIN) / this.size.width,
      (clientHeight - 2 * MARGIN) / this.size.height, 1);
  }

  private centre(x: number, y: number): void {
    const { clientWidth, clientHeight } = this.box;
    const place = (middle: number, room: number, all: number): number => {
      const wide = all * this.scale;
      if (wide <= room - 2 * MARGIN) return (room - wide) / 2;
      return Math.min(MARGIN, Math.max(room - MARGIN - wide, room / 2 - middle * this.scale));
    };
    this.x = place(x, clientWidth, this.size.width);
    this.y = place(y, clientHeight, this.size.height);
    this.apply();
  }

  /** All of it. */
  fit(): void {
    this.isFitted = true;
    this.scale = Math.max(SCALE_MIN, this.wholeScale());
    this.centre(this.size.width / 2, this.size.height / 2);
  }

  /** All of it where it can be read then, else what matters. */
  begin(at: Box | undefined): void {
    this.scale = Math.max(SCALE_MIN, this.wholeScale());
    if (this.scale < READABLE) {
      const high = (this.box.clientHeight - 2 * MARGIN) / this.size.height;
      this.scale = Math.min(Math.max(high, READABLE), 1);
    }
    const middle = at ?? { x: 0, y: 0, width: 0, height: this.size.height };
    this.centre(middle.x + middle.width / 2, middle.y + middle.height / 2);
  }

  /** The window has another size. */
  resize(at: Box | undefined): void {
    if (this.isFitted) this.begin(at);
  }

  pan(dx: number, dy: number): void {
    this.isFitted = false;
    this.x += dx;
    this.y += dy;
    this.apply();
  }

  /** Zooms about a point of the window; absent: about its middle. */
  zoom(factor: number, at?: { x: number; y: number }): void {
    const to = Math.min(SCALE_MAX, Math.max(SCALE_MIN, this.scale * factor));
    const bounds = this.box.getBoundingClientRect();
    const x = at ? at.x - bounds.left : bounds.width / 2;
    const y = at ? at.y - bounds.top : bounds.height / 2;
    this.isFitted = false;
    this.x = x - (x - this.x) * (to / this.scale);
    this.y = y - (y - this.y) * (to / this.scale);
    this.scale = to;
    this.apply();
  }

  /** Brings a box into the window, near enough to be read. */
  show(box: Box): void {
    const { clientWidth, clientHeight } = this.box;
    const left = box.x * this.scale + this.x;
    const top = box.y * this.scale + this.y;
    const isSeen = left >= 0 && top >= 0 && left + box.width * this.scale <= clientWidth
      && top + box.height * this.scale <= clientHeight;
    if (isSeen && this.scale >= FAR) return;
    this.isFitted = false;
    this.scale = Math.max(this.scale, READABLE);
    this.centre(box.x + box.width / 2, box.y + box.height / 2);
  }
}

type Point = { x: number; y: number };
const distance = (a: Point, b: Point): number => Math.hypot(a.x - b.x, a.y - b.y);
const DRAG_PX = 4; // a finger that moves less has tapped

/** Wheel, drag and pinch move `view`. Returns what ends it. */
export function followPointers(box: HTMLElement, view: GraphView): () => void {
  const down = new Map<number, Point>();
  let moved = 0;
  const wheel = (e: WheelEvent): void => {
    e.preventDefault();
    if (e.shiftKey) view.pan(-(e.deltaX || e.deltaY), 0);
    else view.zoom(Math.exp(-e.deltaY * (e.ctrlKey ? 0.01 : 0.0016)),
      { x: e.clientX, y: e.clientY });
  };
  const press = (e: PointerEvent): void => {
    if (e.button !== 0) return;
    if (down.size === 0) moved = 0;
    down.set(e.pointerId, { x: e.clientX, y: e.clientY });
  };
  const move = (e: PointerEvent): void => {
    const before = down.get(e.pointerId);
    if (before === undefined) return;
    const now = { x: e.clientX, y: e.clientY };
    const [other] = [...down].filter(([id]) => id !== e.pointerId).map(([, at]) => at);
    down.set(e.pointerId, now);
    moved += distance(before, now);
    if (moved < DRAG_PX) return;
    box.setPointerCapture(e.pointerId);
    box.classList.add('is-moving');
    const share = down.size > 1 ? 0.5 : 1;
    view.pan((now.x - before.x) * share, (now.y - before.y) * share);
    if (other === undefined) return;
    const middle = { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 };
    view.zoom(distance(now, other) / Math.max(1, distance(before, other)), middle);
  };
  const lift = (e: PointerEvent): void => {
    down.delete(e.pointerId);
    if (down.size === 0) box.classList.remove('is-moving');
  };
  const click = (e: MouseEvent): void => { // what was a drag is no click
    if (moved >= DRAG_PX) e.stopPropagation();
    moved = 0;
  };
  box.addEventListener('wheel', wheel, { passive: false });
  box.addEventListener('pointerdown', press);
  box.addEventListener('pointermove', move);
  box.addEventListener('pointerup', lift);
  box.addEventListener('pointercancel', lift);
  box.addEventListener('click', click, { capture: true });
  return () => {
    box.removeEventListener('wheel', wheel);
    box.removeEventListener('pointerdown', press);
    box.removeEventListener('pointermove', move);
    box.removeEventListener('pointerup', lift);
    box.removeEventListener('pointercancel', lift);
    box.removeEventListener('click', click, { capture: true });
  };
}
