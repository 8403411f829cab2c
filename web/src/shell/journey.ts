/** One file's way into the store: read it, ask where to put it, put it, in one piece or in parts. */

import { mayPass, type Upload } from "../core/uploads";
import type { MediaId, Place, StoredPart } from "../protocol/media";
import type { RoomId } from "../protocol/types";
import { type Api, ApiError } from "./api";
import { uuid } from "./ids";
import type { put, sha256 } from "./put";
import { pause } from "./tasks";

const PAUSES_MS = [1_000, 3_000];
const PARTS_AT_ONCE = 2;

export type MediaApi = Pick<Api, "placeMedia" | "placeParts" | "storedParts" | "completeMedia" | "dropMedia">;

export interface Journey {
  api: MediaApi;
  sha256: typeof sha256;
  put: typeof put;
  room: RoomId;
  upload: Upload;
  blob: Blob;
  signal: AbortSignal;
  /** Something about the upload has changed. */
  note(fields: Partial<Upload>): void;
}

/** Bring a file into the store; parts that are there already stay. Raises ApiError, or the signal's reason. */
export async function carry(journey: Journey): Promise<void> {
  const { upload } = journey;
  const resumed = upload.media !== null && upload.part_bytes !== null;
  if (resumed && (await putParts(journey, upload.media ?? "", upload.part_bytes ?? 0, true))) return;
  await begin(journey);
}

async function begin(journey: Journey): Promise<void> {
  const { api, upload, blob, signal, room } = journey;
  const { kind, name, content_type, size, duration_ms } = upload;
  const onDone = (done: number) => journey.note({ state: { at: "reading", done } });
  const digest = await journey.sha256(blob, { signal, onDone });
  const wanted = {
    room,
    kind,
    name,
    content_type,
    size,
    sha256: digest,
    ...(duration_ms && { duration_ms }),
  };
  for (let tries = 0; ; tries++) {
    const placed = await again(signal, () => api.placeMedia(wanted, uuid()));
    const parts = placed.method === "MULTIPART" ? placed.part_bytes : null;
    journey.note({ media: placed.id, part_bytes: parts, state: { at: "sending", done: 0 } });
    try {
      if (placed.method === "PUT") await putWhole(journey, placed);
      else await putParts(journey, placed.id, placed.part_bytes, false);
      return;
    } catch (error) {
      // It took longer than the address holds: a new one, once.
      if (!isStale(error) || tries > 0) throw error;
      void api.dropMedia(placed.id).catch(() => undefined);
    }
  }
}

async function putWhole({ put, blob, signal, note }: Journey, place: Place): Promise<void> {
  const onDone = (done: number) => note({ state: { at: "sending", done } });
  await again(signal, () => put(place, blob, { signal, onDone }));
}

/** Put the parts that are missing and complete; false if the store no longer knows what was begun. */
async function putParts(journey: Journey, id: MediaId, bytes: number, resumed: boolean): Promise<boolean> {
  const { api, blob, signal } = journey;
  const known = resumed ? await storedParts(api, id, signal) : [];
  if (!known) return false;
  const done = new Map(known.map((part) => [part.n, part]));
  const count = Math.ceil(blob.size / bytes);
  const missing = Array.from({ length: count }, (_, index) => index + 1).filter((n) => !done.has(n));
  const tally = new Map(known.map((part) => [part.n, part.size]));
  const tell = (n: number, size: number) => {
    tally.set(n, size);
    journey.note({ state: { at: "sending", done: [...tally.values()].reduce((a, b) => a + b, 0) } });
  };
  const work = async () => {
    for (let n = missing.shift(); n !== undefined; n = missing.shift())
      done.set(n, await putPart(journey, id, n, blob.slice((n - 1) * bytes, n * bytes), tell));
  };
  await Promise.all(Array.from({ length: PARTS_AT_ONCE }, work));
  const parts = [...done.values()].sort((a, b) => a.n - b.n).map(({ n, etag }) => ({ n, etag }));
  await again(signal, () => api.completeMedia(id, parts));
  return true;
}

async function storedParts(api: MediaApi, id: MediaId, signal: AbortSignal): Promise<StoredPart[] | null> {
  try {
    return (await again(signal, () => api.storedParts(id))).items;
  } catch (error) {
    if (error instanceof ApiError && [404, 409, 410].includes(error.status)) return null;
    throw error;
  }
}

async function putPart(
  journey: Journey,
  id: MediaId,
  n: number,
  blob: Blob,
  tell: (n: number, done: number) => void,
): Promise<StoredPart> {
  const { api, signal } = journey;
  const digest = await journey.sha256(blob, { signal, onDone: () => undefined });
  const etag = await again(signal, async () => {
    const { items } = await api.placeParts(id, [{ n, size: blob.size, sha256: digest }]);
    const [place] = items;
    if (!place) throw new ApiError(0, "unavailable");
    return journey.put(place, blob, { signal, onDone: (done) => tell(n, done) });
  });
  return { n, size: blob.size, etag };
}

/** Try again what may pass, a few times. */
async function again<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries++) {
    signal.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      const wait = PAUSES_MS[tries];
      if (wait === undefined || !(error instanceof ApiError) || !mayPass(error.code)) throw error;
      await pause((error.retryAfterS ?? 0) * 1_000 || wait);
    }
  }
}

function isStale(error: unknown): boolean {
  return error instanceof ApiError && error.code === "stale";
}
