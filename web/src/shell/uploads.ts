/** What one is about to send: takes files in, has them carried into the store, and sends the parcels. */

import { cleanName, kindOf, typeOf } from "../core/media";
import type { Manner } from "../core/outbox";
import type { Parcel, Upload } from "../core/uploads";
import * as core from "../core/uploads";
import type { RoomId } from "../protocol/types";
import { ApiError } from "./api";
import { uuid } from "./ids";
import { carry, type Journey, type MediaApi } from "./journey";
import type { Take } from "./recorder";
import { Store } from "./store";

/** Pictures of one's own are shown from here, so many of them. */
const LOCAL_MAX = 60;

export interface UploadPorts {
  api: MediaApi;
  sha256: Journey["sha256"];
  put: Journey["put"];
  keep: {
    /** Keep parcels as they are now, so that a reload finds them. */
    parcels(parcels: readonly Parcel[]): void;
    /** Keep a file's bytes; false where the browser has no room for them. */
    file(key: string, parcel: string, blob: Blob): Promise<boolean>;
    drop(parcels: readonly string[], files: readonly string[]): void;
  };
  /** Whether one more message may wait to be sent. */
  mayCompose(): boolean;
  /** Everything of this parcel is stored: make a message of it. */
  compose(parcel: Parcel & { letter: core.Letter }): void;
}

export class UploadDesk {
  readonly parcels = new Store<Parcel[]>([]);
  #files = new Map<string, Blob>();
  #running = new Map<string, AbortController>();
  /** Object URLs of what is here, by the key of the upload and by the id of the media. */
  #local = new Map<string, string>();
  #kept = new Set<string>();

  constructor(readonly ports: UploadPorts) {}

  /** Take back what a reload, or a tab that was closed, left behind. */
  restore(parcels: readonly Parcel[], files: ReadonlyMap<string, Blob>): void {
    for (const [key, blob] of files) {
      this.#hold(key, blob);
      this.#kept.add(key);
    }
    const back = core.restored(parcels, new Set(files.keys()), Date.now());
    for (const upload of back.flatMap((parcel) => parcel.uploads)) this.#name(upload);
    this.#set([...this.parcels.value, ...back]);
    this.#go();
  }

  /** Put files into the message that is being written; returns how many had no place in it. */
  attach(room: RoomId, files: readonly File[]): number {
    const taken = files.slice(0, Math.max(0, core.roomLeft(this.parcels.value, room)));
    if (taken.length > 0) {
      const uploads = taken.map((file) => this.#admit(file, file.name));
      this.#set(core.add(this.parcels.value, room, uploads, uuid(), Date.now()));
      this.#keepFiles(uploads);
      this.parcels.flush();
      this.#go();
      for (const upload of uploads) if (upload.kind === "image") void this.#measure(upload.key);
    }
    return files.length - taken.length;
  }

  /** Send a recording, as a message of its own. */
  voice(room: RoomId, take: Take, manner: Manner = {}): void {
    const { blob, type, durationMs, peaks } = take;
    const name = `voice.${type.split("/")[1] ?? "webm"}`;
    const upload: Upload = { ...this.#admit(new File([blob], name, { type }), name), kind: "voice" };
    const uploads = [{ ...upload, duration_ms: durationMs, peaks }];
    const letter = { text: "", ...manner };
    this.#set([...this.parcels.value, { id: uuid(), room, at: Date.now(), uploads, letter }]);
    this.#keepFiles(uploads);
    this.parcels.flush();
    this.#go();
  }

  /** Send what is attached in a room, once all of it is stored; false if nothing is. */
  send(room: RoomId, letter: core.Letter): boolean {
    if (!core.openIn(this.parcels.value, room)) return false;
    this.#set(core.close(this.parcels.value, room, letter, Date.now()));
    this.#go();
    this.parcels.flush();
    return true;
  }

  /** Cancel a file, or take it out of the message. */
  remove = (key: string): void => {
    const upload = core.find(this.parcels.value, key);
    this.#running.get(key)?.abort();
    this.#running.delete(key);
    if (upload?.media) void this.ports.api.dropMedia(upload.media).catch(() => undefined);
    this.#set(core.remove(this.parcels.value, key));
    this.#forget([key]);
    this.#go();
    this.parcels.flush();
  };

  /** Try a file again that failed. */
  retry = (key: string): void => {
    this.#set(core.change(this.parcels.value, key, { state: { at: "queued" } }));
    this.#go();
    this.parcels.flush();
  };

  /** The connection is back. */
  resume(): void {
    this.#set(core.resumed(this.parcels.value));
    this.#go();
  }

  /** Write everything anew: the stream of this tab has changed. */
  rewrite(): void {
    this.ports.keep.parcels(this.parcels.value);
  }

  /** The address of a picture or a recording that is here, by its key or its media id. */
  local = (id: string): string | undefined => this.#local.get(id);

  /** Whether leaving the page now would lose a file. */
  get isAtRisk(): boolean {
    const uploads = this.parcels.value.flatMap((parcel) => parcel.uploads);
    return uploads.some(
      ({ key, state }) => state.at !== "stored" && this.#files.has(key) && !this.#kept.has(key),
    );
  }

  end(): void {
    const running = [...this.#running.values()];
    this.#running.clear();
    for (const one of running) one.abort();
    for (const url of this.#local.values()) URL.revokeObjectURL(url);
  }

  #admit(file: Blob, name: string): Upload {
    const content_type = typeOf({ type: file.type, name });
    const key = uuid();
    this.#hold(key, file);
    return {
      key,
      kind: kindOf(content_type),
      name: cleanName(name),
      content_type,
      size: file.size,
      media: null,
      part_bytes: null,
      state: file.size === 0 ? { at: "failed", code: "empty" } : { at: "queued" },
    };
  }

  #hold(key: string, blob: Blob): void {
    this.#files.set(key, blob);
    if (!/^(image|audio)\//.test(typeOf({ type: blob.type, name: blob instanceof File ? blob.name : "" })))
      return;
    if (this.#local.size >= LOCAL_MAX) this.#letGo();
    this.#local.set(key, URL.createObjectURL(blob));
  }

  /** Let the oldest address go that nothing on its way needs. */
  #letGo(): void {
    const [oldest] = [...this.#local].filter(([key]) => !this.#files.has(key));
    if (!oldest) return;
    const [, url] = oldest;
    for (const [key, known] of this.#local) if (known === url) this.#local.delete(key);
    URL.revokeObjectURL(url);
  }

  /** The message will name it by its media id. */
  #name({ key, media }: Upload): void {
    const url = this.#local.get(key);
    if (media && url) this.#local.set(media, url);
  }

  async #measure(key: string): Promise<void> {
    const url = this.#local.get(key);
    if (!url) return;
    const image = new Image();
    image.src = url;
    await image.decode().catch(() => undefined);
    const { naturalWidth: width, naturalHeight: height } = image;
    if (width && height) this.#change(key, { width, height });
  }

  #keepFiles(uploads: readonly Upload[]): void {
    for (const { key } of uploads) {
      const parcel = this.parcels.value.find((one) => one.uploads.some((upload) => upload.key === key));
      const blob = this.#files.get(key);
      if (!parcel || !blob) continue;
      void this.ports.keep.file(key, parcel.id, blob).then((kept) => kept && this.#kept.add(key));
    }
  }

  /** Send what is complete, and begin what may begin. */
  #go(): void {
    for (const parcel of core.complete(this.parcels.value)) {
      if (!this.ports.mayCompose()) break;
      // Its record is replaced by that of the message, in one transaction.
      this.parcels.value = this.parcels.value.filter((one) => one.id !== parcel.id);
      this.parcels.flush();
      this.ports.compose(parcel);
      this.#forget(parcel.uploads.map((upload) => upload.key));
    }
    for (const key of core.due(this.parcels.value)) void this.#carry(key);
  }

  async #carry(key: string): Promise<void> {
    const upload = core.find(this.parcels.value, key);
    const blob = this.#files.get(key);
    const room = this.parcels.value.find((parcel) => parcel.uploads.some((one) => one.key === key))?.room;
    if (!upload || !room) return;
    if (!blob) return this.#change(key, { state: { at: "failed", code: "lost" } });
    const running = new AbortController();
    this.#running.set(key, running);
    this.#change(key, { state: { at: "reading", done: 0 } });
    const note = (fields: Partial<Upload>) => this.#running.get(key) === running && this.#change(key, fields);
    const { api, sha256, put } = this.ports;
    const { signal } = running;
    const end = await carry({ api, sha256, put, room, upload, blob, signal, note }).then(
      () => ({ at: "stored" }) as const,
      (error: unknown) => ({ at: "failed", code: codeOf(error) }) as const,
    );
    if (this.#running.get(key) !== running) return;
    this.#running.delete(key);
    this.#change(key, { state: end });
    this.#go();
  }

  #change(key: string, fields: Partial<Upload>): void {
    const isProgress = fields.state && (fields.state.at === "reading" || fields.state.at === "sending");
    const next = core.change(this.parcels.value, key, fields);
    if (isProgress && fields.media === undefined) this.parcels.value = next;
    else this.#set(next);
    const upload = core.find(next, key);
    if (upload) this.#name(upload);
  }

  /** Make these the parcels, and keep those that changed. */
  #set(parcels: Parcel[]): void {
    const before = this.parcels.value;
    this.parcels.value = parcels;
    const changed = parcels.filter((parcel) => !before.includes(parcel));
    const gone = before.filter((one) => !parcels.some((parcel) => parcel.id === one.id)).map(({ id }) => id);
    if (changed.length > 0) this.ports.keep.parcels(changed);
    if (gone.length > 0) this.ports.keep.drop(gone, []);
  }

  #forget(keys: readonly string[]): void {
    for (const key of keys) {
      this.#files.delete(key);
      this.#kept.delete(key);
    }
    this.ports.keep.drop([], keys);
  }
}

function codeOf(error: unknown): string {
  if (error instanceof ApiError) return error.code;
  return error instanceof DOMException && error.name === "AbortError" ? "cancelled" : "other";
}
