/** Streams and unsent messages in IndexedDB; where a browser refuses it, they live as long as the page. */

import { type DBSchema, type IDBPDatabase, openDB } from "idb";
import { type Entry, GIVE_UP_AFTER_MS, type Stream } from "../core/outbox";
import type { UserId } from "../protocol/types";

interface Schema extends DBSchema {
  streams: { key: string; value: Stream & { user: UserId }; indexes: { user: UserId } };
  entries: { key: string; value: Entry; indexes: { stream: string } };
}

export interface Kept {
  stream: Stream;
  entries: Entry[];
}

export class Storage {
  #db: Promise<IDBPDatabase<Schema> | null>;

  constructor(name = "kaftalk") {
    this.#db = openDB<Schema>(name, 1, {
      upgrade(db) {
        db.createObjectStore("streams", { keyPath: "id" }).createIndex("user", "user");
        db.createObjectStore("entries", { keyPath: "id" }).createIndex("stream", "stream");
      },
    }).catch(() => null);
  }

  /** All that a person has left unsent in this browser, and her stream `own` if it is known. */
  async kept(user: UserId, own: string | null): Promise<Kept[]> {
    const db = await this.#db;
    if (!db) return [];
    const streams = await db.getAllFromIndex("streams", "user", user);
    const all = (await Promise.all(streams.map(({ id }) => this.stream(id)))).filter((one) => one !== null);
    const kept = all.filter(({ stream, entries }) => stream.id === own || entries.length > 0);
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
    return { stream, entries: entries.sort((a, b) => a.at - b.at || a.n - b.n) };
  }

  /** Write in one transaction: a number is never given out again after a crash. */
  async write(user: UserId, stream: Stream, put: readonly Entry[], remove: readonly string[]): Promise<void> {
    const db = await this.#db;
    if (!db) return;
    const tx = db.transaction(["streams", "entries"], "readwrite", { durability: "strict" });
    const entries = tx.objectStore("entries");
    await Promise.all([
      tx.objectStore("streams").put({ ...stream, user }),
      ...put.map((entry) => entries.put(entry)),
      ...remove.map((id) => entries.delete(id)),
      // Without waiting for its requests: the tab may be closed at once.
      tx.commit(),
      tx.done,
    ]);
  }

  /** Signing out leaves nothing of a person behind. */
  async forget(user: UserId): Promise<void> {
    const db = await this.#db;
    for (const { stream, entries } of await this.kept(user, null)) {
      for (const entry of entries) await db?.delete("entries", entry.id);
      await db?.delete("streams", stream.id);
    }
  }
}
