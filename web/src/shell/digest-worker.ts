/** The worker that computes one digest. */

import { digestOf } from "./digest";

export type DigestNews = { done: number } | { digest: string } | { unreadable: true };

addEventListener("message", ({ data }: MessageEvent<Blob>) => {
  const tell = (news: DigestNews) => postMessage(news);
  digestOf(data, (done) => tell({ done })).then(
    (digest) => tell({ digest }),
    () => tell({ unreadable: true }),
  );
});
