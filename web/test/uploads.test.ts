import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import * as core from "../src/core/uploads";
import type { NewMedia, Place, Placed, StoredPart } from "../src/protocol/media";
import { ApiError } from "../src/shell/api";
import { digestOf } from "../src/shell/digest";
import { MediaUrls } from "../src/shell/media-urls";
import { UploadDesk } from "../src/shell/uploads";
import { ROOM } from "./samples";

const PART = 4;

/** The media service and the store, in memory. */
class TwinStore {
  placed: NewMedia[] = [];
  dropped: string[] = [];
  parts: StoredPart[] = [];
  completed: { n: number; etag: string }[] = [];
  puts: string[] = [];
  /** What the next puts fail with. */
  faults: string[] = [];
  hold: Promise<void> = Promise.resolve();
  multipartFrom = Number.POSITIVE_INFINITY;

  api = {
    placeMedia: async (media: NewMedia): Promise<Placed> => {
      this.placed.push(media);
      if (media.size > 1_000) throw new ApiError(413, "too_large");
      const id = `media-${this.placed.length}`;
      if (media.size >= this.multipartFrom)
        return { id, method: "MULTIPART", part_bytes: PART, expires_at: "" };
      return { id, method: "PUT", ...place(id) };
    },
    placeParts: async (id: string, parts: { n: number }[]) => ({
      items: parts.map(({ n }) => ({ n, ...place(`${id}/${n}`) })),
    }),
    storedParts: async () => ({ items: this.parts }),
    completeMedia: async (_id: string, parts: { n: number; etag: string }[]) => {
      this.completed = parts;
    },
    dropMedia: async (id: string) => {
      this.dropped.push(id);
    },
  };

  put = async ({ url }: Place, blob: Blob, { signal }: { signal: AbortSignal }): Promise<string> => {
    this.puts.push(`${url} ${await blob.text()}`);
    await this.hold;
    signal.throwIfAborted();
    const fault = this.faults.shift();
    if (fault) throw new ApiError(0, fault);
    return `etag ${url}`;
  };
}

function place(url: string): Place {
  return { url, headers: {}, expires_at: "" };
}

let store: TwinStore;
let desk: UploadDesk;
let sent: { id: string; text: string; media: (string | null)[] }[];
let kept: Map<string, core.Parcel>;
let mayKeep = true;

beforeEach(() => {
  vi.useFakeTimers();
  store = new TwinStore();
  sent = [];
  kept = new Map();
  mayKeep = true;
  desk = newDesk();
});

afterEach(() => desk.end());

function newDesk(): UploadDesk {
  return new UploadDesk({
    api: store.api,
    put: store.put,
    sha256: async (blob) => `digest of ${await blob.text()}`,
    keep: {
      parcels: (parcels) => {
        for (const parcel of parcels) kept.set(parcel.id, parcel);
      },
      file: async () => mayKeep,
      drop: (ids) => {
        for (const id of ids) kept.delete(id);
      },
    },
    mayCompose: () => true,
    compose: ({ id, letter, uploads }) => {
      sent.push({ id, text: letter.text, media: uploads.map((upload) => upload.media) });
    },
  });
}

function file(text: string, name = `${text}.txt`): File {
  return new File([text], name, { type: "text/plain" });
}

const settle = () => vi.advanceTimersByTimeAsync(10_000);

function states(): string[] {
  const uploads = desk.parcels.value.flatMap((parcel) => parcel.uploads);
  return uploads.map(({ state }) => (state.at === "failed" ? state.code : state.at));
}

function keyAt(index: number): string {
  return desk.parcels.value.flatMap((parcel) => parcel.uploads)[index]?.key ?? "";
}

describe("what is attached", () => {
  it("is uploaded at once, and sent as one message in its order when all of it is stored", async () => {
    desk.attach(ROOM, [file("one"), file("two", "둘.txt".normalize("NFD"))]);
    await settle();
    expect(states()).toEqual(["stored", "stored"]);
    expect(store.placed[1]).toMatchObject({ room: ROOM, name: "둘.txt", size: 3, sha256: "digest of two" });
    expect(sent).toEqual([]);
    desk.send(ROOM, { text: "look" });
    expect(sent).toMatchObject([{ text: "look", media: ["media-1", "media-2"] }]);
    expect(desk.parcels.value).toEqual([]);
  });

  it("may be sent before it is stored, and goes by itself", async () => {
    const gate: { open?: () => void } = {};
    store.hold = new Promise((resolve) => (gate.open = resolve));
    desk.attach(ROOM, [file("one")]);
    desk.send(ROOM, { text: "" });
    await settle();
    expect(states()).toEqual(["sending"]);
    desk.attach(ROOM, [file("later")]);
    expect(desk.parcels.value).toHaveLength(2);
    gate.open?.();
    await settle();
    expect(sent).toMatchObject([{ media: ["media-1"] }]);
    expect(states()).toEqual(["stored"]);
  });

  it("is at most ten files; the others are counted", () => {
    const many = Array.from({ length: 12 }, (_, i) => file(`${i}`));
    expect(desk.attach(ROOM, many)).toBe(2);
    expect(desk.attach(ROOM, many)).toBe(12);
    expect(states().filter((state) => state === "reading")).toHaveLength(core.ACTIVE_MAX);
  });

  it("is cancelled, and the server told", async () => {
    store.hold = new Promise(() => undefined);
    desk.attach(ROOM, [file("one"), file("two")]);
    await settle();
    desk.remove(keyAt(0));
    expect(store.dropped).toEqual(["media-1"]);
    expect(states()).toEqual(["sending"]);
    desk.remove(keyAt(0));
    expect(desk.parcels.value).toEqual([]);
    expect(kept.size).toBe(0);
  });

  it("leaves the text to be sent when all files of a message are cancelled", async () => {
    store.faults = ["changed"];
    desk.attach(ROOM, [file("one")]);
    desk.send(ROOM, { text: "still this" });
    await settle();
    expect(states()).toEqual(["changed"]);
    desk.remove(keyAt(0));
    expect(sent).toMatchObject([{ text: "still this", media: [] }]);
  });
});

describe("an upload", () => {
  it("tries again what may pass, then waits for the person or for the connection", async () => {
    store.faults = ["offline", "offline", "offline"];
    desk.attach(ROOM, [file("one")]);
    await settle();
    expect(states()).toEqual(["offline"]);
    store.faults = ["offline", "offline", "offline"];
    desk.retry(keyAt(0));
    await settle();
    expect(states()).toEqual(["offline"]);
    desk.resume();
    await settle();
    expect(states()).toEqual(["stored"]);
  });

  it("asks for another address when the first has run out", async () => {
    store.faults = ["stale"];
    desk.attach(ROOM, [file("one")]);
    await settle();
    expect(states()).toEqual(["stored"]);
    expect(store.dropped).toEqual(["media-1"]);
    expect(desk.parcels.value[0]?.uploads[0]?.media).toBe("media-2");
  });

  it("ends with the reason where it can never work", async () => {
    desk.attach(ROOM, [file("x".repeat(1_001)), file("", "empty.txt")]);
    await settle();
    expect(states()).toEqual(["too_large", "empty"]);
    desk.resume();
    expect(states()).toEqual(["too_large", "empty"]);
    expect(store.puts).toEqual([]);
  });

  it("goes in parts where the server says so", async () => {
    store.multipartFrom = 5;
    desk.attach(ROOM, [file("abcdefghij")]);
    await settle();
    expect(states()).toEqual(["stored"]);
    expect(store.puts).toEqual(["media-1/1 abcd", "media-1/2 efgh", "media-1/3 ij"]);
    expect(store.completed.map(({ n, etag }) => [n, etag])).toEqual([
      [1, "etag media-1/1"],
      [2, "etag media-1/2"],
      [3, "etag media-1/3"],
    ]);
  });

  it("goes on after a reload with the parts that are missing", async () => {
    store.multipartFrom = 5;
    store.hold = new Promise(() => undefined);
    desk.attach(ROOM, [file("abcdefghij")]);
    desk.send(ROOM, { text: "big" });
    await settle();
    desk.end();
    const [parcel] = [...kept.values()];
    store.hold = Promise.resolve();
    store.puts = [];
    store.parts = [{ n: 1, size: 4, etag: "there" }];
    desk = newDesk();
    desk.restore(parcel ? [parcel] : [], new Map([[parcel?.uploads[0]?.key ?? "", file("abcdefghij")]]));
    await settle();
    expect(store.puts).toEqual(["media-1/2 efgh", "media-1/3 ij"]);
    expect(store.completed[0]).toEqual({ n: 1, etag: "there" });
    expect(sent).toMatchObject([{ text: "big", media: ["media-1"] }]);
  });
});

describe("what a reload finds", () => {
  const upload = (key: string, state: core.UploadState): core.Upload => ({
    key,
    kind: "file",
    name: key,
    content_type: "text/plain",
    size: 1,
    media: key,
    part_bytes: null,
    state,
  });
  const parcel = (at: number, ...uploads: core.Upload[]): core.Parcel => ({
    id: "p",
    room: ROOM,
    at,
    uploads,
    letter: null,
  });
  const HOUR = 3_600_000;

  it("goes on, and names what is lost", () => {
    const left = parcel(0, upload("stored", { at: "stored" }), upload("half", { at: "sending", done: 1 }));
    const [back] = core.restored([left], new Set(["half"]), HOUR);
    expect(back?.uploads.map(({ state, media }) => [state.at, media])).toEqual([
      ["stored", "stored"],
      ["queued", null],
    ]);
    const [lost] = core.restored([left], new Set(), HOUR);
    expect(lost?.uploads[1]?.state).toEqual({ at: "failed", code: "lost" });
  });

  it("puts again what the server has let go of, and brings nothing back after a week", () => {
    const old = parcel(0, upload("stored", { at: "stored" }));
    expect(core.restored([old], new Set(["stored"]), 21 * HOUR)[0]?.uploads[0]).toMatchObject({
      media: null,
      state: { at: "queued" },
    });
    expect(core.restored([old], new Set(), 8 * 24 * HOUR)).toEqual([]);
  });

  it("would lose a file only if the browser has no room to keep it", async () => {
    store.hold = new Promise(() => undefined);
    desk.attach(ROOM, [file("one")]);
    await settle();
    expect(desk.isAtRisk).toBe(false);
    mayKeep = false;
    desk.attach(ROOM, [file("two")]);
    await settle();
    expect(desk.isAtRisk).toBe(true);
  });
});

it("computes the same digest as everybody", async () => {
  const pieces: number[] = [];
  const digest = await digestOf(new Blob(["abc"]), (bytes) => pieces.push(bytes));
  expect(digest).toBe("ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
  expect(pieces).toEqual([3]);
});

it("asks for an address once while it holds, and anew when it does not work", async () => {
  vi.setSystemTime(0);
  let asked = 0;
  const urls = new MediaUrls(async (id, variant) => {
    asked += 1;
    return { url: `${id} ${variant} ${asked}`, expires_at: new Date(Date.now() + 60_000).toISOString() };
  });
  expect(await Promise.all([urls.get("p", "thumb"), urls.get("p", "thumb")])).toEqual([
    "p thumb 1",
    "p thumb 1",
  ]);
  expect(await urls.get("p", "preview")).toBe("p preview 2");
  expect(await urls.renew("p", "thumb")).toBe("p thumb 3");
  await vi.advanceTimersByTimeAsync(56_000);
  expect(await urls.get("p", "thumb")).toBe("p thumb 4");
});
