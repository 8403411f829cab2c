import { expect, it } from "vitest";
import { FIT, fitted, moved, SCALE_MAX, zoomed } from "../src/core/zoom";

const picture = { width: 4_000, height: 2_000 };
const frame = { width: 1_000, height: 800 };

it("fits a large picture into the frame and leaves a small one as it is", () => {
  expect(fitted(picture, frame)).toEqual({ width: 1_000, height: 500 });
  expect(fitted({ width: 10, height: 20 }, frame)).toEqual({ width: 10, height: 20 });
});

it("zooms between fitting and eight times", () => {
  expect(zoomed(FIT, 100, picture, frame).scale).toBe(SCALE_MAX);
  expect(zoomed({ scale: 2, x: 50, y: 0 }, 0.01, picture, frame)).toEqual(FIT);
});

it("keeps the point under the pointer in its place", () => {
  expect(zoomed(FIT, 2, picture, frame, { x: 200, y: 0 })).toEqual({ scale: 2, x: -200, y: 0 });
});

it("does not move the picture's edges into the frame", () => {
  const view = { scale: 2, x: 0, y: 0 };
  expect(moved(view, 9_999, 9_999, picture, frame)).toEqual({ scale: 2, x: 500, y: 100 });
  expect(moved(FIT, 50, 50, picture, frame)).toEqual(FIT);
});
