/** SHA-256 of what may be large: read piece by piece, in a worker. */

import { sha256 } from "@noble/hashes/sha2.js";

const PIECE_BYTES = 4 * 1024 * 1024;

/** Read a file and return its SHA-256 in base64. Raises DOMException where it cannot be read any more. */
export async function digestOf(blob: Blob, onDone: (bytes: number) => void): Promise<string> {
  const hash = sha256.create();
  for (let at = 0; at < blob.size; at += PIECE_BYTES) {
    hash.update(new Uint8Array(await blob.slice(at, at + PIECE_BYTES).arrayBuffer()));
    onDone(Math.min(blob.size, at + PIECE_BYTES));
  }
  return btoa(String.fromCharCode(...hash.digest()));
}
