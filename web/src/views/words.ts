/** How people, rooms, times and events are put into words. */

import type { RoomView } from "../core/rooms";
import { withoutDirections } from "../core/text";
import { isKey, type Locale, type Translate } from "../i18n";
import type { KnownRecord, Room, User, UserId } from "../protocol/types";
import { ApiError } from "../shell/api";
import { messageLine } from "./media/words";

type Users = Record<UserId, User>;

export function nameOf(users: Users, id: UserId): string {
  return withoutDirections(users[id]?.display_name ?? "…");
}

export function roomName(t: Translate, room: Pick<Room, "name" | "peer">, me: UserId): string {
  if (room.name !== null) return withoutDirections(room.name);
  if (!room.peer) return t("rooms.gone");
  const name = withoutDirections(room.peer.display_name);
  return room.peer.id === me ? t("rooms.me", { name }) : name;
}

export function errorText(t: Translate, error: unknown): string {
  const key = `error.${error instanceof ApiError ? error.code : String(error)}`;
  return t(isKey(key) ? (key as "error.other") : "error.other");
}

/** Put field errors of the server, or one for the field that conflicts, into words. */
export function fieldErrors(t: Translate, error: unknown, conflicting: string): Record<string, string> {
  if (!(error instanceof ApiError)) return {};
  const named = Object.keys(error.fields).map((path) => path.split(".").at(-1) ?? path);
  const out = Object.fromEntries(named.map((field) => [field, invalidText(t, field)]));
  if (error.code === "conflict") out[conflicting] = t("field.username.conflict");
  return out;
}

export function invalidText(t: Translate, field: string): string {
  const key = `field.${field}.invalid`;
  return t(isKey(key) ? (key as "field.other.invalid") : "field.other.invalid");
}

const DAY_MS = 86_400_000;
const formats = new Map<string, Intl.DateTimeFormat>();

function format(locale: Locale, name: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${locale} ${name}`;
  const known = formats.get(key) ?? new Intl.DateTimeFormat(locale, options);
  formats.set(key, known);
  return known;
}

export function clock(locale: Locale, ts: number): string {
  return format(locale, "clock", { hour: "numeric", minute: "2-digit" }).format(ts);
}

/** As short as it gets, for the margin. */
export function margin(locale: Locale, ts: number): string {
  return format(locale, "margin", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(ts);
}

/** Today, yesterday, or the date; the year only where it is another. */
export function day(locale: Locale, ts: number, now: number): string {
  const ago = Math.round((startOfDay(now) - startOfDay(ts)) / DAY_MS);
  if (ago === 0 || ago === 1)
    return capital(locale, new Intl.RelativeTimeFormat(locale, { numeric: "auto" }).format(-ago, "day"));
  const options = { month: "long", day: "numeric", weekday: "long" } as const;
  if (new Date(ts).getFullYear() === new Date(now).getFullYear())
    return format(locale, "day", options).format(ts);
  return format(locale, "day of another year", { year: "numeric", ...options }).format(ts);
}

/** A date as machines read it. */
export function isoDay(ts: number): string {
  const at = new Date(ts);
  const two = (part: number) => String(part).padStart(2, "0");
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

function startOfDay(ts: number): number {
  return new Date(ts).setHours(0, 0, 0, 0);
}

function capital(locale: Locale, text: string): string {
  return text.charAt(0).toLocaleUpperCase(locale) + text.slice(1);
}

export function moment(locale: Locale, ts: number): string {
  return format(locale, "moment", { dateStyle: "medium", timeStyle: "short" }).format(ts);
}

/** The time of a recent event, the date of an older one. */
export function brief(locale: Locale, ts: number, now: number): string {
  if (new Date(ts).toDateString() === new Date(now).toDateString()) return clock(locale, ts);
  return format(locale, "date", { month: "short", day: "numeric" }).format(ts);
}

/** One line about a room's last event, for the list. */
export function preview(t: Translate, room: RoomView, users: Users, me: UserId): string {
  const e = room.last_event?.e;
  if (!e) return "";
  if (e.k === "message")
    return room.kind === "direct" || e.by === me
      ? messageLine(t, e)
      : `${nameOf(users, e.by)}: ${messageLine(t, e)}`;
  return noteText(t, e, users) ?? "";
}

/** Say what an event other than a message did; null for one that nobody is told of. */
export function noteText(t: Translate, e: KnownRecord, users: Users): string | null {
  const name = "user" in e ? nameOf(users, e.user) : "";
  const by = "by" in e ? nameOf(users, e.by) : "";
  switch (e.k) {
    case "join":
      if (e.how === "add") return t("note.added", { by, name });
      return e.how === "invite" ? t("note.invited", { name }) : t("note.joined", { name });
    case "leave":
      return t("note.left", { name });
    case "kick":
      return t("note.kicked", { by, name });
    case "ban":
      return e.on ? t("note.banned", { by, name }) : t("note.unbanned", { by, name });
    case "role":
      return t(`note.role.${e.role}`, { by, name });
    case "room":
      return roomNote(t, e, by);
    case "deleted":
      return t("message.deleted");
    default:
      return null;
  }
}

function roomNote(t: Translate, e: Extract<KnownRecord, { k: "room" }>, name: string): string {
  if (e.kind) return t("note.created", { name });
  if (e.archived === true) return t("note.archived", { name });
  if (e.archived === false) return t("note.unarchived", { name });
  if (typeof e.name === "string") return t("note.renamed", { name, value: e.name });
  return typeof e.topic === "string" ? t("note.topic", { name }) : t("note.changed", { name });
}
