import { expect, it } from "vitest";
import { barsPath, peaksOf, resample, voiceLevels } from "../src/core/waveform";

it("makes 100 peaks of any number of levels, the loudest 255", () => {
  const peaks = peaksOf(Array.from({ length: 1_234 }, (_, i) => i / 2_468));
  expect(peaks).toHaveLength(100);
  expect(peaks.at(-1)).toBe(255);
  expect(peaks[0]).toBeLessThan(5);
  expect(peaksOf([])).toEqual(Array.from({ length: 100 }, () => 0));
  expect(peaksOf([0.5], 3)).toEqual([255, 255, 255]);
});

it("keeps the loudest of each stretch", () => {
  expect(resample([1, 5, 2, 4], 2)).toEqual([5, 4]);
  expect(voiceLevels([0, 255], 2)).toEqual([0, 1]);
  expect(voiceLevels(null, 2)).toEqual([0, 0]);
});

it("draws a bar for each level, none without height", () => {
  expect(barsPath([0, 1])).toBe("M0 0.460h2v0.080h-2ZM3 0.000h2v1.000h-2Z");
});
