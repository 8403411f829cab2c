/** Quiet hours on the wire: the profile and its REST answers, and the frames of a hold. */

import type * as Frames from "./generated/frames";
import type * as Rest from "./generated/rest";
import type { RoomEvent } from "./types";

/** Wall-clock times `HH:MM`; an end at or before the start is on the next day. */
export type QuietWindow = Rest.Window;
export type Day = QuietWindow["days"][number];
export const DAYS: readonly Day[] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

export type HolidayCalendar = NonNullable<Rest.QuietHours["holidays"]>;
export const CALENDARS: readonly HolidayCalendar[] = ["KR", "JP", "CN", "US", "DE"];

export type QuietException = Rest.DateExceptionOutput;
export type PiercePolicy = Required<Rest.Pierce>;

/** `GET /me/quiet-hours`: what one has set, or what holds without it, and what follows from it now. */
export type QuietHours = Omit<Rest.QuietHours, "pierce"> & { pierce: PiercePolicy };

/** What of it one sets. */
export type QuietProfile = Pick<
  QuietHours,
  "zone" | "zone_mode" | "windows" | "holidays" | "exceptions" | "away" | "deliver" | "pierce" | "share"
>;

/** One interval of `GET /me/quiet-hours/preview`, in UTC. */
export type QuietInterval = Rest.PreviewItem;

/** `GET /users/{id}/quiet`: what a sender is told. */
export type PeerQuiet = Rest.OthersQuiet;

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
export type Pierced = Rest.PiercedMessage;

/** What was held of one room, as of `to`. */
export type ReleasedRoom = Omit<Frames.ReleasedRoom, "items"> & { items: RoomEvent[] };

export type ReleaseFrame = Omit<Frames.Release, "rooms" | "window" | "digest"> & {
  rooms: ReleasedRoom[];
  window: Release["window"];
  digest?: Digest | null;
};
