/** Wall-clock time of IANA zones, by the browser's own tz database. Instants are Unix ms. */

export interface WallTime {
  year: number;
  month: number;
  day: number;
  hour: number;
  minute: number;
}

const formats = new Map<string, Intl.DateTimeFormat>();

function format(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone);
  if (known) return known;
  const made = new Intl.DateTimeFormat("en-US", {
    timeZone: zone,
    calendar: "gregory",
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  });
  formats.set(zone, made);
  return made;
}

/** Whether the browser knows the zone. */
export function isZone(zone: string): boolean {
  try {
    return format(zone) !== undefined;
  } catch {
    return false;
  }
}

export function deviceZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
}

/** What a clock on the wall shows at an instant. */
export function wallTime(zone: string, at: number): WallTime {
  const parts = Object.fromEntries(
    format(zone)
      .formatToParts(at)
      .map((part) => [part.type, Number(part.value)]),
  );
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0 } = parts;
  return { year, month, day, hour, minute };
}

/** How far the zone's clocks are ahead of UTC at an instant, in ms. */
export function offsetMs(zone: string, at: number): number {
  const parts = Object.fromEntries(
    format(zone)
      .formatToParts(at)
      .map((part) => [part.type, Number(part.value)]),
  );
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(at / 1_000) * 1_000;
}

const HALF_DAY_MS = 43_200_000;

/** The first instant at which a clock shows this time; a skipped one is counted on over the gap. */
export function instantOf(zone: string, { year, month, day, hour, minute }: WallTime): number {
  const asUtc = Date.UTC(year, month - 1, day, hour, minute);
  const candidates = [-2, 2].map((days) => asUtc - offsetMs(zone, asUtc + days * HALF_DAY_MS));
  const reached = candidates.filter((at) => at + offsetMs(zone, at) >= asUtc);
  return Math.min(...(reached.length > 0 ? reached : candidates));
}

/** The instant at which a day begins; days beyond the month's end count on. */
export function startOfDay(zone: string, year: number, month: number, day: number): number {
  const date = new Date(Date.UTC(year, month - 1, day));
  return instantOf(zone, {
    year: date.getUTCFullYear(),
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    hour: 0,
    minute: 0,
  });
}

/** `2026-11-24`, the form of dates on the wire and in date fields. */
export function dateText({ year, month, day }: Pick<WallTime, "year" | "month" | "day">): string {
  return `${year}-${pad(month)}-${pad(day)}`;
}

export function pad(number: number): string {
  return String(number).padStart(2, "0");
}

/** `UTC+9`, `UTC+5:45`. */
export function offsetText(zone: string, at: number): string {
  const minutes = Math.round(offsetMs(zone, at) / 60_000);
  if (minutes === 0) return "UTC";
  const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
  return `UTC${minutes < 0 ? "−" : "+"}${hours}${rest ? `:${pad(rest)}` : ""}`;
}

export interface DayStrip {
  start: number;
  /** The next day's start: 23 or 25 hours later where clocks change. */
  end: number;
  date: WallTime;
}

/** The days from the one that contains `at`, as they are in the zone. */
export function daysFrom(zone: string, at: number, count: number): DayStrip[] {
  const { year, month, day } = wallTime(zone, at);
  const starts = Array.from({ length: count + 1 }, (_, i) => startOfDay(zone, year, month, day + i));
  return starts.slice(0, -1).map((start, i) => ({
    start,
    end: starts[i + 1] ?? start,
    date: wallTime(zone, start),
  }));
}

/** The parts of intervals that lie in a strip, as fractions of it. */
export function partsIn<T extends { start: number; end: number }>(
  strip: { start: number; end: number },
  intervals: readonly T[],
): { left: number; width: number; whole: T }[] {
  const length = strip.end - strip.start;
  return intervals
    .filter((one) => one.end > strip.start && one.start < strip.end)
    .map((whole) => {
      const left = Math.max(0, whole.start - strip.start) / length;
      const right = Math.min(length, whole.end - strip.start) / length;
      return { left, width: right - left, whole };
    });
}
