/** Pictures, voice and files on the wire: the objects in messages, and the answers of `/media`. */

import type * as Frames from "./generated/frames";
import type { RoomId, Seq } from "./types";

export type MediaId = string;
export type MediaKind = "image" | "voice" | "file";
export type MediaVariant = "original" | "preview" | "thumb" | "playable";

/** One object of a message, as of now; what is known of its content comes with `ready`. */
export interface MediaObject {
  id: MediaId;
  kind: MediaKind;
  name: string;
  content_type: string;
  size: number;
  status: "pending" | "ready" | "rejected";
  reason?: string | null;
  width?: number | null;
  height?: number | null;
  duration_ms?: number | null;
  /** 100 numbers of 0–255. */
  peaks?: number[] | null;
  /** Base64 of a tiny WebP. */
  blur?: string | null;
}

/** The result of processing, as it follows a message in the log. */
export type MediaRecord = Pick<Frames.RecordMedia, "v" | "k" | "media"> &
  Partial<Omit<MediaObject, "id">> & { status: MediaObject["status"]; target?: Seq };

/** `POST /media`. */
export interface NewMedia {
  room: RoomId;
  kind: MediaKind;
  name: string;
  content_type: string;
  size: number;
  /** Base64. */
  sha256: string;
  duration_ms?: number;
}

/** Where and how to put bytes: exactly these headers are to be set. */
export interface Place {
  url: string;
  headers: Record<string, string>;
  expires_at: string;
}

/** The answer to `POST /media`: the bytes in one piece, or in parts of `part_bytes`. */
export type Placed = { id: MediaId } & (
  | ({ method: "PUT" } & Place)
  | { method: "MULTIPART"; part_bytes: number; expires_at: string }
);

export type PartPlace = { n: number } & Place;

export interface StoredPart {
  n: number;
  size: number;
  etag: string;
}

export interface MediaUrl {
  url: string;
  expires_at: string;
}
