import "fake-indexeddb/auto";
import { expect, it } from "vitest";
import type { Entry, Stream } from "../src/core/outbox";
import type { Parcel } from "../src/core/uploads";
import { Storage } from "../src/shell/storage";
import { ROOM, STREAM } from "./samples";

const stream: Stream = { id: STREAM, created: Date.now(), next: { [ROOM]: 2 } };
const entry: Entry = {
  id: "m1",
  stream: STREAM,
  room: ROOM,
  n: 1,
  text: "kept",
  mentions: [],
  reply_to: null,
  at: 1,
  status: "waiting",
  seq: null,
  code: null,
};

it("keeps unsent messages and the next number of their stream over a reload", async () => {
  await new Storage("reload").write("me", stream, [entry], []);
  expect(await new Storage("reload").kept("me", null)).toEqual([{ stream, entries: [entry], parcels: [] }]);
  expect(await new Storage("reload").kept("somebody", STREAM)).toEqual([]);
});

it("forgets what was sent, but not the numbers of the own stream", async () => {
  const storage = new Storage("sent");
  await storage.write("me", stream, [entry], []);
  await storage.write("me", stream, [], ["m1"]);
  expect(await storage.kept("me", null)).toEqual([]);
  expect(await storage.kept("me", STREAM)).toEqual([{ stream, entries: [], parcels: [] }]);
});

it("leaves nothing behind when a person signs out", async () => {
  const storage = new Storage("out");
  await storage.write("me", stream, [entry], []);
  await storage.forget("me");
  expect(await storage.kept("me", STREAM)).toEqual([]);
});

it("lets go of the streams of tabs that were closed long ago", async () => {
  const storage = new Storage("old");
  await storage.write("me", { ...stream, created: 1 }, [], []);
  await storage.kept("me", null);
  expect(await storage.kept("me", STREAM)).toEqual([]);
});

const parcel: Parcel = {
  id: "m2",
  room: ROOM,
  at: Date.now(),
  letter: { text: "look" },
  uploads: [
    {
      key: "f1",
      kind: "file",
      name: "notes.txt",
      content_type: "text/plain",
      size: 2,
      media: null,
      part_bytes: null,
      state: { at: "queued" },
    },
  ],
};

it("keeps files that were not sent, until the message that they go with takes their place", async () => {
  const storage = new Storage("files");
  await storage.keepParcels("me", stream, [parcel]);
  await storage.keepFile("f1", "m2", new Blob(["hi"]));
  expect(await storage.kept("me", null)).toEqual([{ stream, entries: [], parcels: [parcel] }]);
  expect([...(await storage.files([parcel])).keys()]).toEqual(["f1"]);
  await storage.write("me", stream, [{ ...entry, id: "m2", media: [] }], []);
  expect(await storage.kept("me", null)).toMatchObject([{ parcels: [], entries: [{ id: "m2" }] }]);
});

it("lets go of files that nobody wanted for a week, and of all when a person signs out", async () => {
  const storage = new Storage("old files");
  await storage.keepParcels("me", stream, [
    { ...parcel, at: 1 },
    { ...parcel, id: "m3" },
  ]);
  await storage.keepFile("f1", "m2", new Blob(["hi"]));
  expect(await storage.kept("me", STREAM)).toMatchObject([{ parcels: [{ id: "m3" }] }]);
  expect((await storage.files([parcel])).size).toBe(0);
  await storage.forget("me");
  expect(await storage.kept("me", STREAM)).toEqual([]);
});
