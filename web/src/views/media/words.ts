/** How sizes, media and what went wrong with them are put into words. */

import { gistOf, playTime } from "../../core/media";
import { isKey, type Locale, type Translate } from "../../i18n";
import type { MediaObject } from "../../protocol/media";

const UNITS = ["B", "KB", "MB", "GB"] as const;

/** Write a size as people do: `3.4 MB`. */
export function bytes(locale: Locale, size: number): string {
  const power = Math.min(UNITS.length - 1, Math.floor(Math.log(Math.max(1, size)) / Math.log(1024)));
  const number = new Intl.NumberFormat(locale, { maximumFractionDigits: size < 10 * 1024 ** power ? 1 : 0 });
  return `${number.format(size / 1024 ** power)} ${UNITS[power]}`;
}

/** One line about a message's media: the photos, the voice or the files; empty without any. */
export function mediaLine(t: Translate, media: readonly MediaObject[]): string {
  const gist = gistOf(media);
  switch (gist?.kind) {
    case "image":
      return gist.count === 1 ? t("media.photo") : t("media.photos", { count: gist.count });
    case "voice":
      return t("media.voiceOf", { time: playTime(gist.durationMs) });
    case "file":
      return gist.count === 1 ? gist.name : t("media.files", { name: gist.name, count: gist.count - 1 });
    default:
      return "";
  }
}

/** A message in one line: its text, after what else it has. */
export function messageLine(t: Translate, message: { text: string; media: readonly MediaObject[] }): string {
  const media = mediaLine(t, message.media);
  return media && message.text ? t("media.withText", { media, text: message.text }) : media || message.text;
}

const SAME: Record<string, string> = {
  not_member: "forbidden",
  not_found: "forbidden",
  archived: "forbidden",
  unknown_outcome: "offline",
  rate_limited: "unavailable",
  stale: "unavailable",
};

export function uploadFailure(t: Translate, code: string): string {
  const key = `upload.failed.${SAME[code] ?? code}`;
  return t(isKey(key) ? (key as "upload.failed.other") : "upload.failed.other");
}

export function rejection(t: Translate, reason: string | null | undefined): string {
  const key = `rejected.${reason}`;
  return t(isKey(key) ? (key as "rejected.other") : "rejected.other");
}
