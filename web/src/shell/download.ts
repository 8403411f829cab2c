/** Saves media to the person's disk. */

import { nameFor } from "../core/media";
import type { MediaObject } from "../protocol/media";
import { ApiError } from "./api";
import type { MediaUrls } from "./media-urls";

/** Save an object under its name. Raises ApiError. */
export async function download(urls: MediaUrls, { id, kind, name }: MediaObject): Promise<void> {
  const url = await urls.get(id, "original");
  // What the store does not serve as an attachment would only be opened.
  if (kind === "file") return save(url, name);
  const answer = await fetch(url).catch(() => null);
  if (!answer?.ok) throw new ApiError(answer?.status ?? 0, "unavailable");
  const blob = await answer.blob();
  const local = URL.createObjectURL(blob);
  save(local, nameFor(name, blob.type));
  setTimeout(() => URL.revokeObjectURL(local), 60_000);
}

function save(url: string, name: string): void {
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.rel = "noopener";
  link.click();
}
