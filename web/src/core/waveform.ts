/** Loudness over time as bars: of voice that is being recorded, and of voice that is played. */

const LOUDEST = 255;
/** The quietest bar is still seen. */
const BAR_MIN = 0.08;

/** Bring levels, however many, to `count` numbers of 0–255, the loudest 255. */
export function peaksOf(levels: readonly number[], count = 100): number[] {
  const bars = resample(levels, count);
  const loudest = Math.max(...bars, 0);
  return bars.map((level) => (loudest > 0 ? Math.round((level / loudest) * LOUDEST) : 0));
}

/** Take the loudest of each of `count` equal stretches. */
export function resample(levels: readonly number[], count: number): number[] {
  return Array.from({ length: count }, (_, bar) => {
    const from = Math.floor((bar * levels.length) / count);
    const to = Math.max(from + 1, Math.floor(((bar + 1) * levels.length) / count));
    return Math.max(0, ...levels.slice(from, to));
  });
}

/** Draw bars, each 2 of 3 wide and in the middle of a height of 1; levels are 0–1. */
export function barsPath(levels: readonly number[]): string {
  return levels
    .map((level, index) => {
      const height = Math.max(BAR_MIN, Math.min(1, level));
      return `M${index * 3} ${(0.5 - height / 2).toFixed(3)}h2v${height.toFixed(3)}h-2Z`;
    })
    .join("");
}

/** The bars of a voice message; without peaks a quiet line. */
export function voiceLevels(peaks: readonly number[] | null | undefined, count: number): number[] {
  return resample(peaks ?? [], count).map((peak) => peak / LOUDEST);
}
