// What drawings on canvases share: a size in CSS pixels that is sharp on any screen, and the mark for "not measured".

import { colour } from './theme.ts';

export interface Surface {
  readonly context: CanvasRenderingContext2D;
  readonly width: number;
  readonly height: number;
}

/** Cleared, and as large as it is laid out; undefined while it is not shown at all. */
export function surface(canvas: HTMLCanvasElement): Surface | undefined {
  const { clientWidth: width, clientHeight: height } = canvas;
  const context = canvas.getContext('2d');
  if (context === null || width === 0 || height === 0) return undefined;
  const ratio = devicePixelRatio;
  const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== wide) canvas.width = wide;
  if (canvas.height !== high) canvas.height = high;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

/** Slanting lines: nobody measured here. In whatever pixels the context is set to. */
export function hatch(
  context: CanvasRenderingContext2D,
  left: number,
  top: number,
  width: number,
  height: number,
  step: number = 7,
): void {
  if (width < 1) return;
  context.save();
  context.beginPath();
  context.rect(left, top, width, height);
  context.clip();
  context.strokeStyle = colour('hatch');
  context.lineWidth = Math.max(1, step / 7);
  context.beginPath();
  // Counted from 0, so that stretches beside each other look like one.
  const first = Math.floor((left - height) / step) * step;
  for (let x = first; x < left + width; x += step) {
    context.moveTo(x, top + height);
    context.lineTo(x + height, top);
  }
  context.stroke();
  context.restore();
}

/** Where a time is, for a drawing that shows `from` to `to` between `left` and `right`. */
export function xOf(at: number, from: number, to: number, left: number, right: number): number {
  return left + ((right - left) * (at - from)) / (to - from);
}
