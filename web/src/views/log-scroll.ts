import { type RefObject, useEffect, useLayoutEffect, useRef, useState } from "react";
import type { Row } from "../core/rows";

const END_PX = 48;
const OLDER_PX = 600;

export interface LogScroll {
  frame: RefObject<HTMLDivElement | null>;
  content: RefObject<HTMLDivElement | null>;
  atEnd: boolean;
  onScroll: () => void;
  toEnd: () => void;
  toUnread: () => void;
}

/**
 * Keep what one reads where it is.
 *
 * At the end the log follows; elsewhere the first visible row keeps its place, whatever comes above or below.
 */
export function useLogScroll(lines: readonly Row[], sent: number, onTop: () => void): LogScroll {
  const frame = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const following = useRef(true);
  const anchor = useRef<{ key: string; top: number } | null>(null);
  // Nothing counts as read before the log stands where it belongs.
  const [atEnd, setAtEnd] = useState(false);

  function onScroll(): void {
    const box = frame.current;
    if (!box) return;
    following.current = box.scrollHeight - box.scrollTop - box.clientHeight < END_PX;
    setAtEnd(following.current);
    anchor.current = firstVisible(box);
    if (box.scrollTop < OLDER_PX) onTop();
  }

  function settle(): void {
    const box = frame.current;
    if (!box) return;
    if (following.current) box.scrollTop = box.scrollHeight;
    else if (anchor.current) restore(box, anchor.current);
    anchor.current = firstVisible(box);
  }

  function toEnd(): void {
    following.current = true;
    settle();
    setAtEnd(true);
  }

  function toUnread(): void {
    const mark = frame.current?.querySelector(".unread-mark");
    if (!mark) return;
    following.current = false;
    mark.scrollIntoView({ block: "center" });
    onScroll();
  }

  // biome-ignore lint/correctness/useExhaustiveDependencies: once, when the log appears.
  useLayoutEffect(() => {
    settle();
    toUnread();
    setAtEnd(following.current);
    if (frame.current && frame.current.scrollTop < OLDER_PX) onTop();
  }, []);
  // biome-ignore lint/correctness/useExhaustiveDependencies: after each change of the rows.
  useLayoutEffect(settle, [lines]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: whoever sends wants to see it.
  useLayoutEffect(() => {
    if (sent > 0) toEnd();
  }, [sent]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the observer lives as long as the log.
  useEffect(() => {
    const observer = new ResizeObserver(settle);
    if (frame.current) observer.observe(frame.current);
    if (content.current) observer.observe(content.current);
    return () => observer.disconnect();
  }, []);
  return { frame, content, atEnd, onScroll, toEnd, toUnread };
}

function restore(box: HTMLElement, anchor: { key: string; top: number }): void {
  const row = box.querySelector<HTMLElement>(`[data-key="${CSS.escape(anchor.key)}"]`);
  if (row) box.scrollTop += topOf(box, row) - anchor.top;
}

/** Find the first row in view by bisection: the rows stand one below the other. */
function firstVisible(box: HTMLElement): { key: string; top: number } | null {
  const all = box.querySelectorAll<HTMLElement>("[data-key]");
  let low = 0;
  let high = all.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    const row = all[middle];
    if (row && topOf(box, row) + row.offsetHeight > 0) high = middle;
    else low = middle + 1;
  }
  const found = all[low];
  return found ? { key: found.dataset["key"] ?? "", top: topOf(box, found) } : null;
}

function topOf(box: HTMLElement, row: HTMLElement): number {
  return row.getBoundingClientRect().top - box.getBoundingClientRect().top;
}
