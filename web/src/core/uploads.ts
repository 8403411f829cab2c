/**
 * Files on their way to the store, in parcels: what goes together becomes one message.
 *
 * A parcel is open while one still adds to it; with a letter it is closed, and sent once all of it is stored.
 */

import type { MediaId, MediaKind, MediaObject } from "../protocol/media";
import type { RoomId } from "../protocol/types";
import { MEDIA_MAX } from "./media";
import type { Manner } from "./outbox";

/** How many files are read or sent at the same time. */
export const ACTIVE_MAX = 3;
const HOUR_MS = 3_600_000;
/** The server lets go of what was not sent within 24 hours. */
const STORED_AGE_MAX_MS = 20 * HOUR_MS;
/** A parcel that nobody wanted for so long is not brought back. */
export const AGE_MAX_MS = 7 * 24 * HOUR_MS;

export type UploadState =
  | { at: "queued" }
  | { at: "reading"; done: number }
  | { at: "sending"; done: number }
  | { at: "stored" }
  | { at: "failed"; code: string };

export interface Upload {
  key: string;
  kind: MediaKind;
  name: string;
  content_type: string;
  size: number;
  width?: number;
  height?: number;
  duration_ms?: number;
  peaks?: number[];
  media: MediaId | null;
  /** Set where the store takes it in parts: these can be resumed. */
  part_bytes: number | null;
  state: UploadState;
}

/** What one wrote to go with the files. */
export interface Letter extends Manner {
  text: string;
}

export interface Parcel {
  id: string;
  room: RoomId;
  at: number;
  uploads: Upload[];
  letter: Letter | null;
}

export function openIn(parcels: readonly Parcel[], room: RoomId): Parcel | undefined {
  return parcels.find((parcel) => parcel.room === room && parcel.letter === null);
}

/** How many more may go with the message that is being written. */
export function roomLeft(parcels: readonly Parcel[], room: RoomId): number {
  return MEDIA_MAX - (openIn(parcels, room)?.uploads.length ?? 0);
}

/** Put files into the room's open parcel, or begin one with `id`. */
export function add(
  parcels: readonly Parcel[],
  room: RoomId,
  uploads: readonly Upload[],
  id: string,
  at: number,
): Parcel[] {
  const open = openIn(parcels, room);
  if (!open) return [...parcels, { id, room, at, uploads: [...uploads], letter: null }];
  return parcels.map((parcel) =>
    parcel === open ? { ...parcel, uploads: [...parcel.uploads, ...uploads] } : parcel,
  );
}

export function change(parcels: readonly Parcel[], key: string, fields: Partial<Upload>): Parcel[] {
  return parcels.map((parcel) =>
    parcel.uploads.some((upload) => upload.key === key)
      ? {
          ...parcel,
          uploads: parcel.uploads.map((upload) => (upload.key === key ? { ...upload, ...fields } : upload)),
        }
      : parcel,
  );
}

/** Take a file out; a parcel with nothing left in it is gone. */
export function remove(parcels: readonly Parcel[], key: string): Parcel[] {
  return parcels
    .map((parcel) =>
      parcel.uploads.some((upload) => upload.key === key)
        ? { ...parcel, uploads: parcel.uploads.filter((upload) => upload.key !== key) }
        : parcel,
    )
    .filter((parcel) => parcel.uploads.length > 0 || parcel.letter?.text);
}

/** Close the room's parcel: it is to be sent with this letter. */
export function close(parcels: readonly Parcel[], room: RoomId, letter: Letter, at: number): Parcel[] {
  const open = openIn(parcels, room);
  return parcels.map((parcel) => (parcel === open ? { ...parcel, letter, at } : parcel));
}

/** The parcels of which everything is stored and that are to be sent. */
export function complete(parcels: readonly Parcel[]): (Parcel & { letter: Letter })[] {
  return parcels.filter(
    (parcel): parcel is Parcel & { letter: Letter } =>
      parcel.letter !== null && parcel.uploads.every((upload) => upload.state.at === "stored"),
  );
}

/** Choose what is begun now. What is to be sent goes before what is still looked at. */
export function due(parcels: readonly Parcel[]): string[] {
  const inOrder = [...parcels].sort((a, b) => Number(a.letter === null) - Number(b.letter === null));
  const uploads = inOrder.flatMap((parcel) => parcel.uploads);
  const active = uploads.filter(({ state }) => state.at === "reading" || state.at === "sending").length;
  const queued = uploads.filter(({ state }) => state.at === "queued");
  return queued.slice(0, Math.max(0, ACTIVE_MAX - active)).map((upload) => upload.key);
}

export function find(parcels: readonly Parcel[], key: string): Upload | undefined {
  return parcels.flatMap((parcel) => parcel.uploads).find((upload) => upload.key === key);
}

const MAY_PASS = new Set(["offline", "unavailable", "unknown_outcome", "rate_limited"]);

/** Whether a failure of this kind may be over by itself. */
export function mayPass(code: string): boolean {
  return MAY_PASS.has(code);
}

/** The connection is back: what failed only for want of it goes on. */
export function resumed(parcels: readonly Parcel[]): Parcel[] {
  const again = (upload: Upload): Upload =>
    upload.state.at === "failed" && mayPass(upload.state.code)
      ? { ...upload, state: { at: "queued" } }
      : upload;
  return parcels.map((parcel) => ({ ...parcel, uploads: parcel.uploads.map(again) }));
}

/**
 * Bring back what a page left behind; `held` are the keys of the files whose bytes are still there.
 *
 * What was half-way goes on; what is stored for long is put again; what is lost says so.
 */
export function restored(parcels: readonly Parcel[], held: ReadonlySet<string>, now: number): Parcel[] {
  const again = (parcel: Parcel, upload: Upload): Upload => {
    const young = now - parcel.at < STORED_AGE_MAX_MS;
    if (upload.state.at === "stored" && young) return upload;
    if (!held.has(upload.key)) return { ...upload, state: { at: "failed", code: "lost" } };
    const resumable = upload.part_bytes !== null && young;
    return { ...upload, state: { at: "queued" }, ...(resumable ? {} : { media: null, part_bytes: null }) };
  };
  return parcels
    .filter((parcel) => now - parcel.at < AGE_MAX_MS)
    .map((parcel) => ({ ...parcel, uploads: parcel.uploads.map((upload) => again(parcel, upload)) }));
}

/** How much of a file is done, 0–1; reading it is the smaller part of the work. */
export function progress({ size, state }: Upload): number {
  const share = (done: number) => Math.min(1, done / Math.max(1, size));
  switch (state.at) {
    case "queued":
    case "failed":
      return 0;
    case "reading":
      return share(state.done) * 0.1;
    case "sending":
      return 0.1 + share(state.done) * 0.9;
    case "stored":
      return 1;
  }
}

/** Show a file that is stored as the message will show it. */
export function asMedia(upload: Upload): MediaObject {
  const { kind, name, content_type, size, width, height, duration_ms, peaks } = upload;
  const known = {
    ...(width && { width }),
    ...(height && { height }),
    ...(duration_ms && { duration_ms }),
    ...(peaks && { peaks }),
  };
  return { id: upload.media ?? upload.key, kind, name, content_type, size, status: "pending", ...known };
}
