/** What pictures, voice and files are called, how they count, and what becomes of them. */

import type { MediaKind, MediaObject, MediaRecord } from "../protocol/media";
import { withoutDirections } from "./text";

/** How many go with one message. */
export const MEDIA_MAX = 10;
/** Somewhat less than the ten minutes that the server takes: it counts the samples. */
export const VOICE_MS_MAX = 599_000;

const NAME_CHARS_MAX = 255;
const BY_EXTENSION: Record<string, string> = {
  avif: "image/avif",
  gif: "image/gif",
  heic: "image/heic",
  heif: "image/heif",
  jpeg: "image/jpeg",
  jpg: "image/jpeg",
  png: "image/png",
  webp: "image/webp",
};
const PICTURES = new Set(Object.values(BY_EXTENSION));

/** Say what a file is by its declared type, or by its name where the browser does not know (HEIC). */
export function typeOf(file: { type: string; name: string }): string {
  const declared = file.type.toLowerCase().split(";")[0]?.trim();
  return declared || BY_EXTENSION[extensionOf(file.name)] || "application/octet-stream";
}

export function kindOf(contentType: string): MediaKind {
  return PICTURES.has(contentType) ? "image" : "file";
}

/** Bring a file's name into the form that is sent: NFC, one line, no path, at most 255 characters. */
export function cleanName(name: string): string {
  const line = name
    .normalize("NFC")
    .replace(/[\p{Cc}\p{Zl}\p{Zp}/\\]/gu, "_")
    .trim();
  const characters = [...line];
  if (characters.length <= NAME_CHARS_MAX) return line || "file";
  const ending = [...`.${extensionOf(line)}`].slice(0, 20);
  return [...characters.slice(0, NAME_CHARS_MAX - ending.length), ...ending].join("");
}

export function extensionOf(name: string): string {
  return /\.([^.]{1,15})$/.exec(name)?.[1]?.toLowerCase() ?? "";
}

/** Name a picture after what it was made into: a HEIC photo comes back as JPEG. */
export function nameFor(name: string, contentType: string): string {
  const known = Object.entries(BY_EXTENSION).filter(([, type]) => type === contentType);
  if (known.length === 0 || known.some(([extension]) => extension === extensionOf(name))) return name;
  const [ending = ""] = known.at(-1) ?? [];
  return `${extensionOf(name) ? name.slice(0, name.lastIndexOf(".")) : name}.${ending}`;
}

export type FileLook = "archive" | "audio" | "film" | "page" | "picture" | "sheet" | "text";

const LOOKS: [FileLook, RegExp][] = [
  ["picture", /^image\//],
  ["film", /^video\//],
  ["audio", /^audio\//],
  ["archive", /zip|compressed|x-tar|gzip|x-7z|x-rar|java-archive/],
  ["sheet", /spreadsheet|excel|csv/],
  ["text", /^text\/|pdf|word|document|hwp|rtf|json|xml/],
];
const LOOKS_BY_NAME: [FileLook, RegExp][] = [
  ["archive", /^(zip|tar|gz|7z|rar|alz|egg)$/],
  ["sheet", /^(xlsx?|csv|ods|cell)$/],
  ["text", /^(hwpx?|docx?|pdf|txt|md|odt|rtf)$/],
];

/** Choose the icon of a file. */
export function lookOf({ content_type, name }: Pick<MediaObject, "content_type" | "name">): FileLook {
  const byType = LOOKS.find(([, pattern]) => pattern.test(content_type))?.[0];
  const byName = LOOKS_BY_NAME.find(([, pattern]) => pattern.test(extensionOf(name)))?.[0];
  return byType ?? byName ?? "page";
}

/** Lay the result of processing over an object; repeats are equal and change nothing. */
export function processed(media: MediaObject, record: MediaRecord): MediaObject {
  const { k: _, v: __, media: ___, target: ____, ...result } = record;
  return { ...media, ...result };
}

/** What a line has to say about media: the pictures, else the voice, else the files. */
export type Gist =
  | { kind: "image"; count: number }
  | { kind: "voice"; durationMs: number }
  | { kind: "file"; name: string; count: number };

export function gistOf(media: readonly MediaObject[]): Gist | null {
  const of = (kind: MediaKind) => media.filter((one) => one.kind === kind);
  const [voice] = of("voice");
  const [file] = of("file");
  if (of("image").length > 0) return { kind: "image", count: of("image").length };
  if (voice) return { kind: "voice", durationMs: voice.duration_ms ?? 0 };
  return file ? { kind: "file", name: withoutDirections(file.name), count: of("file").length } : null;
}

/** Write a length of time as `0:07`; a voice message never claims to have none. */
export function playTime(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/** Choose how many pictures stand side by side. */
export function columnsOf(count: number): number {
  return count === 1 ? 1 : count === 2 || count === 4 ? 2 : 3;
}
