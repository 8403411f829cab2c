import { type PointerEvent, type RefObject, useEffect, useRef, useState } from "react";
import { FIT, fitted, moved, type Size, type View, zoomed } from "../../core/zoom";
import { useT } from "../../i18n";
import type { MediaId, MediaObject } from "../../protocol/media";
import { useSession } from "../context";
import { useMediaUrl } from "./use-url";

const TOGGLE = 2.5;
const SWIPE_PX = 60;
/** From here on the preview would be seen to be one. */
const ORIGINAL_FROM = 1.1;
const PREVIEW_PX = 1_280;

export interface Zoom {
  view: View;
  stage: RefObject<HTMLDivElement | null>;
  picture: Size;
  set: (view: View) => void;
  /** By a factor, around a point in px from the middle. */
  by: (factor: number, at?: { x: number; y: number }) => void;
  move: (dx: number, dy: number) => void;
}

/** How the picture lies; another picture begins as it fits. */
export function useZoom(media: MediaObject | null): Zoom {
  const stage = useRef<HTMLDivElement>(null);
  const [{ id, view }, setView] = useState<{ id: MediaId | null; view: View }>({ id: null, view: FIT });
  const now = id === media?.id ? view : FIT;
  const picture = { width: media?.width ?? PREVIEW_PX, height: media?.height ?? PREVIEW_PX };
  const frame = () => ({ width: stage.current?.clientWidth ?? 1, height: stage.current?.clientHeight ?? 1 });
  const set = (next: View) => setView({ id: media?.id ?? null, view: next });
  return {
    view: now,
    stage,
    picture,
    set,
    by: (factor, at) => set(zoomed(now, factor, picture, frame(), at)),
    move: (dx, dy) => set(moved(now, dx, dy, picture, frame())),
  };
}

interface StageProps {
  media: MediaObject;
  zoom: Zoom;
  onSwipe: (step: 1 | -1) => void;
  onOutside: () => void;
}

/** One picture, which is zoomed by wheel, pinch and double click, and moved by dragging. */
export function Stage({ media, zoom, onSwipe, onOutside }: StageProps) {
  const { view, stage, picture } = zoom;
  const size = useShownSize(stage, picture);
  const { pointers, dragging } = useDrag(zoom, onSwipe, onOutside);
  useWheel(zoom);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the lightbox has keys and buttons for all of it.
    <div
      ref={stage}
      className={`stage ${view.scale > 1 ? "zoomed" : ""}`}
      {...pointers}
      onDoubleClick={(event) => (view.scale > 1 ? zoom.set(FIT) : zoom.by(TOGGLE, from(stage, event)))}
    >
      <div
        className={`shot ${dragging ? "dragging" : ""}`}
        style={{ ...size, transform: `translate(${view.x}px, ${view.y}px) scale(${view.scale})` }}
      >
        <Layers media={media} sharp={view.scale > ORIGINAL_FROM} />
      </div>
    </div>
  );
}

/** The blur, the preview over it, and the original over both once one looks closer. */
function Layers({ media, sharp }: { media: MediaObject; sharp: boolean }) {
  const t = useT();
  const session = useSession();
  const local = session.uploads.local(media.id);
  const preview = useMediaUrl(media.id, "preview", !local);
  const hasMore = Math.max(media.width ?? 0, media.height ?? 0) > PREVIEW_PX;
  const original = useMediaUrl(media.id, "original", sharp && hasMore && !local);
  const src = local ?? preview.url;
  return (
    <>
      {media.blur && (
        <img className="blur" src={`data:image/webp;base64,${media.blur}`} alt="" draggable={false} />
      )}
      {src && !preview.failed && (
        <img
          src={src}
          alt={t("media.image", { name: media.name })}
          onError={preview.onBroken}
          draggable={false}
        />
      )}
      {original.url && !original.failed && (
        <img src={original.url} alt="" onError={original.onBroken} draggable={false} />
      )}
      {preview.failed && (
        <button type="button" className="broken" onClick={preview.again}>
          {t("media.broken")} <span>{t("media.reload")}</span>
        </button>
      )}
    </>
  );
}

function useShownSize(stage: RefObject<HTMLDivElement | null>, picture: Size): Size | undefined {
  const [frame, setFrame] = useState<Size | null>(null);
  useEffect(() => {
    const box = stage.current;
    if (!box) return;
    const measure = () => setFrame({ width: box.clientWidth, height: box.clientHeight });
    const observer = new ResizeObserver(measure);
    observer.observe(box);
    return () => observer.disconnect();
  }, [stage]);
  return frame ? fitted(picture, frame) : undefined;
}

interface Point {
  x: number;
  y: number;
}

/** Dragging with one pointer, pinching with two, swiping where nothing is enlarged. */
function useDrag(zoom: Zoom, onSwipe: (step: 1 | -1) => void, onOutside: () => void) {
  const down = useRef(new Map<number, Point>());
  const start = useRef<Point | null>(null);
  const [dragging, setDragging] = useState(false);

  function move(event: PointerEvent<HTMLElement>): void {
    const last = down.current.get(event.pointerId);
    if (!last) return;
    const here = { x: event.clientX, y: event.clientY };
    const other = [...down.current].find(([id]) => id !== event.pointerId)?.[1];
    down.current.set(event.pointerId, here);
    if (other)
      zoom.by(distance(here, other) / Math.max(1, distance(last, other)), middle(zoom.stage, here, other));
    else if (zoom.view.scale > 1) zoom.move(here.x - last.x, here.y - last.y);
  }

  function up(event: PointerEvent<HTMLElement>): void {
    const { current: began } = start;
    down.current.delete(event.pointerId);
    if (down.current.size > 0) {
      // What is left of a pinch is no swipe.
      start.current = null;
      return;
    }
    setDragging(false);
    if (!began || zoom.view.scale > 1) return;
    const dx = event.clientX - began.x;
    if (Math.abs(dx) > SWIPE_PX && event.pointerType !== "mouse") onSwipe(dx < 0 ? 1 : -1);
    else if (event.target === zoom.stage.current && Math.abs(dx) < 5) onOutside();
  }

  const pointers = {
    onPointerDown: (event: PointerEvent<HTMLElement>) => {
      if (event.button !== 0) return;
      if (event.target instanceof HTMLButtonElement) return;
      event.currentTarget.setPointerCapture(event.pointerId);
      start.current = down.current.size === 0 ? { x: event.clientX, y: event.clientY } : null;
      down.current.set(event.pointerId, { x: event.clientX, y: event.clientY });
      setDragging(true);
    },
    onPointerMove: move,
    onPointerUp: up,
    onPointerCancel: (event: PointerEvent<HTMLElement>) => {
      start.current = null;
      up(event);
    },
  };
  return { pointers, dragging };
}

/** React listens to the wheel passively: the page would be zoomed too. */
function useWheel(zoom: Zoom): void {
  const latest = useRef(zoom);
  latest.current = zoom;
  useEffect(() => {
    const box = zoom.stage.current;
    if (!box) return;
    const wheel = (event: WheelEvent) => {
      event.preventDefault();
      latest.current.by(Math.exp(-event.deltaY / 400), from(latest.current.stage, event));
    };
    box.addEventListener("wheel", wheel, { passive: false });
    return () => box.removeEventListener("wheel", wheel);
  }, [zoom.stage]);
}

/** A place in the window as px from the middle of the stage. */
function from(
  stage: RefObject<HTMLElement | null>,
  { clientX, clientY }: { clientX: number; clientY: number },
): Point {
  const box = stage.current?.getBoundingClientRect();
  if (!box) return { x: 0, y: 0 };
  return { x: clientX - box.left - box.width / 2, y: clientY - box.top - box.height / 2 };
}

function middle(stage: RefObject<HTMLElement | null>, a: Point, b: Point): Point {
  return from(stage, { clientX: (a.x + b.x) / 2, clientY: (a.y + b.y) / 2 });
}

function distance(a: Point, b: Point): number {
  return Math.hypot(a.x - b.x, a.y - b.y);
}
