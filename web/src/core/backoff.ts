/** Full-jitter backoff between 0.5 and 30 s. */

export const LEAST_MS = 500;
export const MOST_MS = 30_000;

/** Give the wait before attempt number `attempt` (from 0); `random` is in [0, 1). */
export function waitMs(attempt: number, random: number): number {
  const ceiling = Math.min(MOST_MS, 2 * LEAST_MS * 2 ** Math.min(attempt, 10));
  return Math.round(LEAST_MS + random * (ceiling - LEAST_MS));
}
