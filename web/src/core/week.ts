/** The weekly windows as blocks on a grid: where they lie, and what dragging, keys and presets make of them. */

import { DAYS, type Day, type HolidayCalendar, type QuietProfile, type QuietWindow } from "../protocol/quiet";
import { pad } from "./zone-time";

export const DAY_MINUTES = 1_440;
export const SNAP_MINUTES = 15;
export const WINDOWS_MAX = 50;

/** `HH:MM` in minutes, up to 24:00; 0 for what is no time. */
export function minutesOf(time: string): number {
  const match = /^(\d\d):(\d\d)$/.exec(time);
  return match ? Number(match[1]) * 60 + Number(match[2]) : 0;
}

export function timeOf(minutes: number): string {
  const within = ((minutes % DAY_MINUTES) + DAY_MINUTES) % DAY_MINUTES;
  return `${pad(Math.floor(within / 60))}:${pad(within % 60)}`;
}

/** How long a window is: equal times mean a whole day. */
export function lengthOf({ start, end }: Pick<QuietWindow, "start" | "end">): number {
  return (minutesOf(end) - minutesOf(start) + DAY_MINUTES) % DAY_MINUTES || DAY_MINUTES;
}

export function endsNextDay(window: Pick<QuietWindow, "start" | "end">): boolean {
  return minutesOf(window.start) + lengthOf(window) > DAY_MINUTES;
}

/** One window's piece in one column of the grid; a window over midnight has two pieces for each of its days. */
export interface Block {
  window: number;
  /** The column. */
  day: number;
  from: number;
  to: number;
  /** Whether the window begins, or ends, in this piece. */
  hasStart: boolean;
  hasEnd: boolean;
}

/** Lay all windows out. */
export function blocks(windows: readonly QuietWindow[]): Block[] {
  return windows.flatMap((window, index) =>
    DAYS.flatMap((day, column) => (window.days.includes(day) ? pieces(window, index, column) : [])),
  );
}

function pieces(window: QuietWindow, index: number, day: number): Block[] {
  const from = minutesOf(window.start);
  const end = from + lengthOf(window);
  const first = { window: index, day, from, to: Math.min(end, DAY_MINUTES), hasStart: true };
  if (end <= DAY_MINUTES) return [{ ...first, hasEnd: true }];
  const next = (day + 1) % DAYS.length;
  return [
    { ...first, hasEnd: false },
    { window: index, day: next, from: 0, to: end - DAY_MINUTES, hasStart: false, hasEnd: true },
  ];
}

export type Edge = "start" | "end" | "both";

/** Move a window, or one of its ends, by so many minutes and days; it keeps a snap's length at least. */
export function moved(window: QuietWindow, edge: Edge, minutes: number, days: number): QuietWindow {
  const from = minutesOf(window.start);
  const length = lengthOf(window);
  if (edge === "end") {
    const end = from + clamp(length + minutes, SNAP_MINUTES, DAY_MINUTES);
    return { ...window, end: timeOf(end) };
  }
  if (edge === "start") {
    const by = clamp(minutes, Math.max(-from, length - DAY_MINUTES), length - SNAP_MINUTES);
    const start = Math.min(from + by, DAY_MINUTES - SNAP_MINUTES);
    return { ...window, start: timeOf(start) };
  }
  const start = clamp(from + minutes, 0, DAY_MINUTES - SNAP_MINUTES);
  return {
    ...window,
    days: shifted(window.days, days),
    start: timeOf(start),
    end: timeOf(start + length),
  };
}

function shifted(days: readonly Day[], by: number): Day[] {
  const columns = days.map((day) => (DAYS.indexOf(day) + by + 70) % DAYS.length);
  return DAYS.filter((_, column) => columns.includes(column));
}

/** The window that is drawn from one point of the grid to another. */
export function drawn(a: { day: number; minutes: number }, b: { day: number; minutes: number }): QuietWindow {
  const [low, high] = [Math.min(a.minutes, b.minutes), Math.max(a.minutes, b.minutes)];
  const days = DAYS.filter((_, i) => i >= Math.min(a.day, b.day) && i <= Math.max(a.day, b.day));
  return { days, start: timeOf(low), end: timeOf(Math.max(high, low + SNAP_MINUTES)) };
}

export function snap(minutes: number): number {
  return clamp(Math.round(minutes / SNAP_MINUTES) * SNAP_MINUTES, 0, DAY_MINUTES);
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}

/** The fields of a profile that one who has none begins with. */
export function blank(zone: string): QuietProfile {
  return {
    zone,
    zone_mode: "fixed",
    windows: [],
    holidays: null,
    exceptions: [],
    away: null,
    deliver: "hold",
    pierce: { vip: [], direct_send_anyway: true, urgent_rooms: false },
    share: true,
  };
}

/** Whether a profile is ever quiet by itself. */
export function hasHours(
  profile: Pick<QuietProfile, "windows" | "holidays" | "exceptions" | "away">,
): boolean {
  const { windows, holidays, exceptions, away } = profile;
  return (
    windows.length > 0 || holidays !== null || away !== null || exceptions.some((e) => e.kind === "quiet")
  );
}

/** Turn quiet hours off; what may pierce and who is told stay for the next time. */
export function withoutHours(profile: QuietProfile): QuietProfile {
  return { ...profile, windows: [], holidays: null, exceptions: [], away: null };
}

export type Preset = "nights" | "work";

/** Put a preset's windows in place of those of a profile. */
export function withPreset(profile: QuietProfile, preset: Preset, labels: [string, string]): QuietProfile {
  if (preset === "nights") {
    return { ...profile, windows: [{ days: [...DAYS], start: "22:00", end: "07:00", label: labels[0] }] };
  }
  // The evening of Sunday belongs to it too: it lasts until Monday's work.
  const evenings = DAYS.filter((day) => day !== "sat");
  return {
    ...profile,
    windows: [
      { days: evenings, start: "19:00", end: "09:00", label: labels[0] },
      { days: ["sat", "sun"], start: "00:00", end: "00:00", label: labels[1] },
    ],
    holidays: profile.holidays ?? calendarOf(profile.zone),
  };
}

const CALENDAR_OF: Record<string, HolidayCalendar> = {
  "Asia/Seoul": "KR",
  "Asia/Tokyo": "JP",
  "Asia/Shanghai": "CN",
  "Europe/Berlin": "DE",
  "America/New_York": "US",
  "America/Chicago": "US",
  "America/Denver": "US",
  "America/Los_Angeles": "US",
};

/** Guess the holidays by the zone. */
export function calendarOf(zone: string): HolidayCalendar | null {
  return CALENDAR_OF[zone] ?? null;
}

/** What is wrong with a window, before it is sent. */
export function windowError(window: QuietWindow): "days" | "times" | null {
  if (window.days.length === 0) return "days";
  const isTime = (time: string) => /^([01]\d|2[0-3]):[0-5]\d$/.test(time);
  return isTime(window.start) && isTime(window.end) ? null : "times";
}

/** Runs of following days: Monday to Friday is one. */
export function dayRuns(days: readonly Day[]): [Day, Day][] {
  const runs: [Day, Day][] = [];
  for (const [column, day] of DAYS.entries()) {
    if (!days.includes(day)) continue;
    const last = runs.at(-1);
    if (last && DAYS.indexOf(last[1]) === column - 1) last[1] = day;
    else runs.push([day, day]);
  }
  return runs;
}
