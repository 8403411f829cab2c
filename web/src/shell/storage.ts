/**
 * Streams, unsent messages and files on their way, in IndexedDB.
 *
 * Where a browser refuses it, they live as long as the page.
 */

import { type DBSchema, type IDBPDatabase, openDB } from "idb";
import { type Entry, GIVE_UP_AFTER_MS, type Stream } from "../core/outbox";
import { AGE_MAX_MS, type Parcel } from "../core/uploads";
import type { UserId } from "../protocol/types";

interface Schema extends DBSchema {
  streams: { key: string; value: Stream & { user: UserId }; indexes: { user: UserId } };
  entries: { key: string; value: Entry; indexes: { stream: string } };
  parcels: { key: string; value: Parcel & { stream: string }; indexes: { stream: string } };
  files: { key: string; value: { key: string; parcel: string; blob: Blob }; indexes: { parcel: string } };
}

export interface Kept {
  stream: Stream;
  entries: Entry[];
  /** Files that were not sent yet; their bytes are read by `files`. */
  parcels: Parcel[];
}

export class Storage {
  #db: Promise<IDBPDatabase<Schema> | null>;

  constructor(name = "kaftalk") {
    this.#db = new Promise((resolve) => {
      // A page of an older version that is still open lets nobody in: this one does without.
      open(name, () => resolve(null)).then(resolve, () => resolve(null));
    });
  }

  /** All that a person has left unsent in this browser, and her stream `own` if it is known. */
  async kept(user: UserId, own: string | null): Promise<Kept[]> {
    const db = await this.#db;
    if (!db) return [];
    const streams = await db.getAllFromIndex("streams", "user", user);
    const all = (await Promise.all(streams.map(({ id }) => this.stream(id)))).filter((one) => one !== null);
    const kept = all.filter(
      ({ stream, entries, parcels }) => stream.id === own || entries.length + parcels.length > 0,
    );
    const over = all.filter(
      (one) => !kept.includes(one) && Date.now() - one.stream.created > GIVE_UP_AFTER_MS,
    );
    await Promise.all(over.map(({ stream }) => db.delete("streams", stream.id)));
    return kept;
  }

  /** Read one stream as it is now. */
  async stream(id: string): Promise<Kept | null> {
    const db = await this.#db;
    const found = await db?.get("streams", id);
    if (!db || !found) return null;
    const { user: _, ...stream } = found;
    const entries = await db.getAllFromIndex("entries", "stream", id);
    const parcels = (await db.getAllFromIndex("parcels", "stream", id)).map(
      ({ stream: _of, ...parcel }) => parcel,
    );
    const old = parcels.filter((parcel) => Date.now() - parcel.at > AGE_MAX_MS);
    for (const parcel of old) await this.dropParcel(parcel.id);
    return {
      stream,
      entries: entries.sort((a, b) => a.at - b.at || a.n - b.n),
      parcels: parcels.filter((parcel) => !old.includes(parcel)).sort((a, b) => a.at - b.at),
    };
  }

  /**
   * Write in one transaction: a number is never given out again after a crash.
   *
   * A message takes the place of the parcel that it was made of.
   */
  async write(user: UserId, stream: Stream, put: readonly Entry[], remove: readonly string[]): Promise<void> {
    const db = await this.#db;
    if (!db) return;
    const tx = db.transaction(["streams", "entries", "parcels"], "readwrite", { durability: "strict" });
    const entries = tx.objectStore("entries");
    const parcels = tx.objectStore("parcels");
    await Promise.all([
      tx.objectStore("streams").put({ ...stream, user }),
      ...put.map((entry) => entries.put(entry)),
      ...put.filter((entry) => entry.media).map((entry) => parcels.delete(entry.id)),
      ...remove.map((id) => entries.delete(id)),
      // Without waiting for its requests: the tab may be closed at once.
      tx.commit(),
      tx.done,
    ]);
  }

  /** Keep parcels under the stream that will send them. */
  async keepParcels(user: UserId, stream: Stream, parcels: readonly Parcel[]): Promise<void> {
    const db = await this.#db;
    if (!db) return;
    const tx = db.transaction(["streams", "parcels"], "readwrite");
    const store = tx.objectStore("parcels");
    await Promise.all([
      tx.objectStore("streams").put({ ...stream, user }),
      ...parcels.map((parcel) => store.put({ ...parcel, stream: stream.id })),
      tx.done,
    ]);
  }

  /** Keep a file's bytes. Raises DOMException where there is no room for them. */
  async keepFile(key: string, parcel: string, blob: Blob): Promise<boolean> {
    const db = await this.#db;
    await db?.put("files", { key, parcel, blob });
    return db !== null;
  }

  /** Read the bytes that are kept for these parcels. */
  async files(parcels: readonly Parcel[]): Promise<Map<string, Blob>> {
    const db = await this.#db;
    const found = await Promise.all(
      parcels.map(({ id }) => db?.getAllFromIndex("files", "parcel", id) ?? []),
    );
    return new Map(found.flat().map(({ key, blob }) => [key, blob]));
  }

  async dropFiles(keys: readonly string[]): Promise<void> {
    const db = await this.#db;
    for (const key of keys) await db?.delete("files", key);
  }

  async dropParcel(id: string): Promise<void> {
    const db = await this.#db;
    await db?.delete("parcels", id);
    await this.dropFiles((await db?.getAllKeysFromIndex("files", "parcel", id)) ?? []);
  }

  /** Signing out leaves nothing of a person behind. */
  async forget(user: UserId): Promise<void> {
    const db = await this.#db;
    for (const { stream, entries, parcels } of await this.kept(user, null)) {
      for (const entry of entries) await db?.delete("entries", entry.id);
      for (const parcel of parcels) await this.dropParcel(parcel.id);
      await db?.delete("streams", stream.id);
    }
  }
}

function open(name: string, blocked: () => void): Promise<IDBPDatabase<Schema>> {
  return openDB<Schema>(name, 2, {
    blocked,
    upgrade(db, old) {
      if (old < 1) {
        db.createObjectStore("streams", { keyPath: "id" }).createIndex("user", "user");
        db.createObjectStore("entries", { keyPath: "id" }).createIndex("stream", "stream");
      }
      db.createObjectStore("parcels", { keyPath: "id" }).createIndex("stream", "stream");
      db.createObjectStore("files", { keyPath: "key" }).createIndex("parcel", "parcel");
    },
    // A page of another version waits for this one to let go.
    blocking: (_old, _next, event) => (event.target as IDBDatabase).close(),
  });
}
