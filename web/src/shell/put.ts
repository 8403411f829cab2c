/** Bytes on their way: their digest from a worker, and putting them where a presigned address says. */

import type { Place } from "../protocol/media";
import { ApiError } from "./api";
import type { DigestNews } from "./digest-worker";

export interface Watched {
  signal: AbortSignal;
  onDone(bytes: number): void;
}

/** Compute a file's SHA-256 in base64. Raises ApiError ("unreadable"), or the signal's reason. */
export function sha256(blob: Blob, { signal, onDone }: Watched): Promise<string> {
  return new Promise<string>((resolve, reject) => {
    signal.throwIfAborted();
    const worker = new Worker(new URL("./digest-worker.ts", import.meta.url), { type: "module" });
    const end = (settle: () => void) => {
      worker.terminate();
      signal.removeEventListener("abort", stop);
      settle();
    };
    const stop = () => end(() => reject(signal.reason));
    signal.addEventListener("abort", stop);
    worker.onmessage = ({ data }: MessageEvent<DigestNews>) => {
      if ("done" in data) onDone(data.done);
      else if ("digest" in data) end(() => resolve(data.digest));
      else end(() => reject(new ApiError(0, "unreadable")));
    };
    worker.onerror = () => end(() => reject(new ApiError(0, "unavailable")));
    worker.postMessage(blob);
  });
}

/**
 * Put bytes to the store, with exactly the headers that were signed, and return their ETag.
 *
 * Raises ApiError: "offline" without an answer, "unavailable" for the store's own trouble, "stale" where the
 * address no longer holds, "changed" where the bytes are not those that were announced.
 */
export function put(place: Place, blob: Blob, { signal, onDone }: Watched): Promise<string> {
  return new Promise<string>((resolve, reject) => {
    signal.throwIfAborted();
    const request = new XMLHttpRequest();
    const stop = () => request.abort();
    const fail = (code: string) => reject(new ApiError(request.status, code));
    request.open("PUT", place.url);
    for (const [name, value] of Object.entries(place.headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => onDone(event.loaded);
    request.onload = () => {
      if (request.status < 300) resolve(request.getResponseHeader("ETag") ?? "");
      else fail(refusal(request.status));
    };
    request.onerror = () => fail("offline");
    request.onabort = () => reject(signal.reason);
    request.onloadend = () => signal.removeEventListener("abort", stop);
    signal.addEventListener("abort", stop);
    request.send(blob);
  });
}

function refusal(status: number): string {
  if (status === 403) return "stale";
  // 409: something else is done to the key or its folder at this moment; S3's documentation says to try again.
  return status >= 500 || status === 429 || status === 409 ? "unavailable" : "changed";
}
