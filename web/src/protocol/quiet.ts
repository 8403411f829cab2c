/** Quiet hours on the wire: the profile and its REST answers, and the frames of a hold. */

import type * as Frames from "./generated/frames";
import type { RoomEvent, UserId } from "./types";

export const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;
export type Day = (typeof DAYS)[number];

/** Wall-clock times `HH:MM`; an end at or before the start is on the next day. */
export interface QuietWindow {
  days: Day[];
  start: string;
  end: string;
  label?: string | null;
}

export const CALENDARS = ["KR", "JP", "CN", "US", "DE"] as const;
export type HolidayCalendar = (typeof CALENDARS)[number];

export interface QuietException {
  date: string;
  kind: "quiet" | "no_quiet";
}

export interface PiercePolicy {
  vip: UserId[];
  direct_send_anyway: boolean;
  urgent_rooms: boolean;
}

export interface QuietProfile {
  /** Null means the organisation's. */
  zone: string | null;
  zone_mode: "fixed" | "follow_device";
  windows: QuietWindow[];
  holidays: HolidayCalendar | null;
  exceptions: QuietException[];
  away: { from: string; to: string } | null;
  deliver: "hold" | "silent";
  pierce: PiercePolicy;
  /** Whether others are told until when one is quiet. */
  share: boolean;
}

/** `GET /me/quiet-hours`: what one has set, or what holds without it, and what follows from it now. */
export interface QuietHours extends QuietProfile {
  origin: "user" | "org" | "none";
  active: boolean;
  until: string | null;
  next_start: string | null;
  snooze_until: string | null;
  resume_until: string | null;
  /** A zone that a device has reported and that waits to be confirmed. */
  zone_change: { zone: string | null } | null;
}

/** One interval of `GET /me/quiet-hours/preview`, in UTC. */
export interface QuietInterval {
  start: string;
  end: string;
  sources: string[];
}

/** `GET /users/{id}/quiet`: what a sender is told. */
export interface PeerQuiet {
  quiet: boolean;
  next_start: string | null;
  next_end: string | null;
}

export type DigestLine = Frames.DigestRoom;
export type Digest = Required<Frames.Digest>;

/** One release, from its frame or from `GET /me/releases`; `window` in ms. */
export interface Release {
  release_id: string;
  window: [from: number, to: number];
  late_by_s?: number | null;
  digest: Digest;
}

/** A release as REST lists it. */
export type PastRelease = Omit<Release, "window"> & { window: [from: string, to: string] };

/** A message that came through a hold: told now, shown in its room. */
export type Alert = Omit<Frames.Alert, "t">;

/** An alert as it is kept. */
export type Pierced = Alert & { ts: number };

/** What was held of one room, as of `to`. */
export type ReleasedRoom = Omit<Frames.ReleasedRoom, "items"> & { items: RoomEvent[] };

export type ReleaseFrame = Omit<Frames.Release, "rooms" | "window" | "digest"> & {
  rooms: ReleasedRoom[];
  window: Release["window"];
  digest?: Digest | null;
};
