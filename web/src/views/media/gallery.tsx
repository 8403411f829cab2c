import { createContext, lazy, type ReactNode, Suspense, useMemo, useState } from "react";
import type { Timeline } from "../../core/timeline";
import type { MediaId, MediaObject } from "../../protocol/media";
import type { UserId } from "../../protocol/types";

const Lightbox = lazy(() => import("./lightbox"));

/** A picture, and the message that it came with. */
export interface Shot {
  media: MediaObject;
  by: UserId;
  ts: number;
}

/** Opens the lightbox at a picture. */
export const GalleryContext = createContext<(id: MediaId) => void>(() => undefined);

/** All pictures of a timeline, to be looked at one after the other. */
export function Gallery({ timeline, children }: { timeline: Timeline; children: ReactNode }) {
  const [opened, setOpened] = useState<MediaId | null>(null);
  const shots = useMemo(() => (opened ? shotsOf(timeline) : []), [timeline, opened]);
  return (
    <GalleryContext value={setOpened}>
      {children}
      {opened && shots.length > 0 && (
        <Suspense fallback={null}>
          <Lightbox shots={shots} opened={opened} onClose={() => setOpened(null)} />
        </Suspense>
      )}
    </GalleryContext>
  );
}

function shotsOf(timeline: Timeline): Shot[] {
  return timeline.items.flatMap(({ e, ts }) =>
    e.k === "message"
      ? e.media
          .filter((media) => media.kind === "image" && media.status === "ready")
          .map((media) => ({ media, by: e.by, ts }))
      : [],
  );
}
