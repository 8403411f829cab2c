import { expect, it } from "vitest";
import { cleanName, columnsOf, gistOf, kindOf, lookOf, nameFor, playTime, typeOf } from "../src/core/media";
import { rows } from "../src/core/rows";
import { apply, merge, waiting } from "../src/core/timeline";
import { fill } from "../src/i18n";
import { en } from "../src/i18n/en";
import { ko } from "../src/i18n/ko";
import type { MediaObject, MediaRecord } from "../src/protocol/media";
import type { RoomEvent } from "../src/protocol/types";
import { mediaLine, messageLine, rejection } from "../src/views/media/words";
import { event, message, page } from "./samples";

const korean = ((key: "media.photo", params?: object) => fill(ko[key], { ...params })) as Parameters<
  typeof mediaLine
>[0];

function object(fields: Partial<MediaObject> = {}): MediaObject {
  const nothing = { content_type: "image/jpeg", size: 1, status: "pending" } as const;
  return { id: "p1", kind: "image", name: "a.jpg", ...nothing, ...fields };
}

function withMedia(seq: number, ...media: MediaObject[]): RoomEvent {
  const e = message("ann", "");
  return event(seq, e.k === "message" ? { ...e, media } : e);
}

function result(media: string, fields: Partial<MediaRecord> = {}): MediaRecord {
  return { v: 1, k: "media", media, status: "ready", ...fields };
}

it("brings names into NFC, on one line, without a path, and keeps the ending of a long one", () => {
  expect(cleanName("한글 보고서.hwp".normalize("NFD"))).toBe("한글 보고서.hwp");
  expect(cleanName("../a\\b\u0000\n.txt")).toBe(".._a_b__.txt");
  const long = cleanName(`${"가".repeat(300)}.pdf`);
  expect([...long].length).toBe(255);
  expect(long.endsWith(".pdf")).toBe(true);
  expect(cleanName("  ")).toBe("file");
});

it("knows pictures by their type, and where a browser does not know it by their name", () => {
  expect(kindOf(typeOf({ type: "image/png", name: "x" }))).toBe("image");
  expect(kindOf(typeOf({ type: "", name: "IMG_1.HEIC" }))).toBe("image");
  expect(kindOf(typeOf({ type: "image/svg+xml", name: "x.svg" }))).toBe("file");
  expect(typeOf({ type: "audio/webm;codecs=opus", name: "x" })).toBe("audio/webm");
  expect(typeOf({ type: "", name: "x" })).toBe("application/octet-stream");
});

it("names a picture after what it was made into", () => {
  expect(nameFor("사진.heic", "image/jpeg")).toBe("사진.jpg");
  expect(nameFor("사진.jpeg", "image/jpeg")).toBe("사진.jpeg");
  expect(nameFor("사진", "image/webp")).toBe("사진.webp");
  expect(nameFor("a.bin", "application/octet-stream")).toBe("a.bin");
});

it("chooses an icon by type, else by name", () => {
  expect(lookOf({ content_type: "application/pdf", name: "x" })).toBe("text");
  expect(lookOf({ content_type: "application/octet-stream", name: "보고서.hwp" })).toBe("text");
  expect(lookOf({ content_type: "application/octet-stream", name: "x.alz" })).toBe("archive");
  expect(lookOf({ content_type: "application/octet-stream", name: "x" })).toBe("page");
});

it("names media in one line", () => {
  const voice = object({ kind: "voice", duration_ms: 12_300 });
  const file = object({ kind: "file", name: "계획.pdf" });
  expect(mediaLine(korean, [object()])).toBe("사진");
  expect(mediaLine(korean, [object(), object({ id: "p2" })])).toBe("사진 2장");
  expect(mediaLine(korean, [voice])).toBe("음성 메시지 0:12");
  expect(mediaLine(korean, [file])).toBe("계획.pdf");
  expect(mediaLine(korean, [file, file])).toBe("계획.pdf 외 1개");
  expect(messageLine(korean, { text: "보세요", media: [object()] })).toBe("사진: 보세요");
  expect(messageLine(korean, { text: "보세요", media: [] })).toBe("보세요");
  expect(gistOf([])).toBeNull();
});

it("says why something was refused, in both languages", () => {
  expect(rejection(korean, "too_many_pixels")).toBe(ko["rejected.too_many_pixels"]);
  expect(rejection(korean, "something_new")).toBe(ko["rejected.other"]);
  for (const key of Object.keys(en) as (keyof typeof en)[])
    expect([key, [...ko[key].matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort()]).toEqual([
      key,
      [...new Set([...en[key].matchAll(/\{(\w+)\}/g)].map(([, name]) => name))].sort(),
    ]);
});

it("writes lengths of time as people do", () => {
  expect([0, 7_400, 61_000, 600_000].map(playTime)).toEqual(["0:00", "0:07", "1:01", "10:00"]);
  expect([1, 2, 3, 4, 10].map(columnsOf)).toEqual([1, 2, 3, 2, 3]);
});

it("turns a placeholder into the picture when its result comes, whichever way", () => {
  const sent = withMedia(1, object(), object({ id: "p2" }));
  const ready = event(2, result("p1", { width: 4, height: 3, blur: "x" }));
  const live = apply(merge(waiting(0), page(0, 1, [sent]), "me"), ready, "me");
  const media = live.items[0]?.e.k === "message" ? live.items[0].e.media : [];
  expect(media).toMatchObject([{ id: "p1", status: "ready", width: 4 }, { status: "pending" }]);
  expect(media[0]).not.toHaveProperty("k");
  // The page was made before the result, and comes after it.
  const late = merge(apply(waiting(0), ready, "me"), page(0, 1, [sent]), "me");
  expect(late.items[0]?.e).toEqual(live.items[0]?.e);
  const refused = apply(live, event(3, result("p2", { status: "rejected", reason: "unreadable" })), "me");
  expect(refused.items[0]?.e).toMatchObject({ media: [{ status: "ready" }, { reason: "unreadable" }] });
  expect(refused.items).toHaveLength(1);
  expect(apply(live, event(4, result("unknown")), "me").items).toEqual(live.items);
});

it("lays what is being uploaded below what is on its way", () => {
  const timeline = merge(waiting(0), page(0, 1, [withMedia(1, object())]), "me");
  const parcel = { id: "m9", room: "r", at: 2_000, uploads: [], letter: { text: "" } };
  const kinds = rows(timeline, [], [parcel], null, "me").map((row) => row.kind);
  expect(kinds).toEqual(["day", "message", "parcel"]);
});
