/** How quiet hours are put into words: times, days, windows. Times of the day are written as on the grid, 22:00. */

import { DAY_MINUTES, dayRuns, endsNextDay, lengthOf } from "../../core/week";
import type { Locale, Translate } from "../../i18n";
import { DAYS, type Day, type QuietWindow, type Release } from "../../protocol/quiet";

const formats = new Map<string, Intl.DateTimeFormat>();

function format(locale: Locale, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = locale + JSON.stringify(options);
  const known = formats.get(key) ?? new Intl.DateTimeFormat(locale, options);
  formats.set(key, known);
  return known;
}

const CLOCK = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" } as const;
const SOON_MS = 20 * 3_600_000;

export function clockIn(locale: Locale, at: number, timeZone?: string): string {
  return format(locale, { ...CLOCK, ...(timeZone && { timeZone }) }).format(at);
}

/** `8월 3일 (월)`, `Mon, Aug 3`. */
export function dateIn(locale: Locale, at: number, timeZone?: string): string {
  const options = { month: "short", day: "numeric", weekday: "short" } as const;
  return format(locale, { ...options, ...(timeZone && { timeZone }) }).format(at);
}

/** A moment as short as it is clear: the time within a day, else with its date. */
export function until(locale: Locale, at: number, now: number): string {
  const time = clockIn(locale, at);
  return at - now < SOON_MS ? time : `${dateIn(locale, at)} ${time}`;
}

/** `Mon–Fri, Sun`. */
export function daysText(t: Translate, days: readonly Day[]): string {
  if (days.length === DAYS.length) return t("day.every");
  const short = (day: Day) => t(`day.short.${day}`);
  return dayRuns(days)
    .map(([first, last]) => joined(first, last, short))
    .join(", ");
}

function joined(first: Day, last: Day, short: (day: Day) => string): string {
  if (first === last) return short(first);
  const two = DAYS.indexOf(last) - DAYS.indexOf(first) === 1;
  return `${short(first)}${two ? ", " : "–"}${short(last)}`;
}

export function spanText(t: Translate, window: QuietWindow): string {
  if (lengthOf(window) === DAY_MINUTES) return t("quiet.window.allDay");
  return `${window.start}–${window.end}`;
}

export function windowText(t: Translate, window: QuietWindow, number: number): string {
  const days = daysText(t, window.days);
  const end = endsNextDay(window) ? `${t("quiet.window.nextDay")} ${window.end}` : window.end;
  return t("quiet.window.label", { number, days, start: window.start, end });
}

/** `32 messages in 5 rooms, 3 mentions`. */
export function summary(t: Translate, { digest }: Release): string {
  const counted = digest.rooms.filter((line) => line.count > 0).length;
  if (counted === 0) return t("quiet.digest.nothing");
  const messages = t("quiet.digest.messages", { count: digest.total });
  const rooms = t("quiet.digest.rooms", { count: counted });
  if (digest.mentions === 0) return t("quiet.digest.toast", { messages, rooms });
  const mentions = t("quiet.digest.mentions", { count: digest.mentions });
  return t("quiet.digest.toastMentions", { messages, rooms, mentions });
}
