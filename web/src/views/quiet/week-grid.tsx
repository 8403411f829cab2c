import { type KeyboardEvent, type PointerEvent, useId, useRef, useState } from "react";
import {
  type Block,
  blocks,
  DAY_MINUTES,
  drawn,
  type Edge,
  moved,
  SNAP_MINUTES,
  snap,
  WINDOWS_MAX,
} from "../../core/week";
import { pad } from "../../core/zone-time";
import { useT } from "../../i18n";
import { DAYS, type QuietWindow } from "../../protocol/quiet";
import { spanText, windowText } from "./words";

const HOUR_LABELS = [0, 3, 6, 9, 12, 15, 18, 21, 24];
const TAP_MINUTES = 120;
const HOUR = 60;

interface Point {
  day: number;
  minutes: number;
}

type Drag =
  | { kind: "draw"; from: Point; to: Point }
  | { kind: "move"; window: number; edge: Edge; from: Point; to: Point };

interface WeekGridProps {
  windows: readonly QuietWindow[];
  /** The window that is being worked on, here or in its row. */
  active: number | null;
  onActive: (window: number | null) => void;
  onChange: (windows: QuietWindow[]) => void;
}

/** The week as a grid on which windows are drawn, moved and resized; what it changes can be typed in the rows too. */
export function WeekGrid(props: WeekGridProps) {
  const t = useT();
  const hintId = useId();
  const grid = useWeekDrag(props);
  return (
    <div className="week" data-testid="week-grid">
      <div className="week-head" aria-hidden="true">
        {DAYS.map((day) => (
          <span key={day}>{t(`day.short.${day}`)}</span>
        ))}
      </div>
      <div className="week-hours" aria-hidden="true">
        {HOUR_LABELS.map((hour) => (
          <span key={hour} style={{ top: `${(hour / 24) * 100}%` }}>
            {pad(hour)}
          </span>
        ))}
      </div>
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: by keyboard windows are added in the rows. */}
      {/* biome-ignore lint/a11y/useSemanticElements: a fieldset cannot be laid out as a grid of hours. */}
      <div
        ref={grid.body}
        className={`week-body ${grid.isDragging ? "dragging" : ""}`}
        role="group"
        aria-label={t("quiet.week.grid")}
        aria-describedby={hintId}
        onPointerDown={grid.draw}
        onPointerMove={grid.move}
        onPointerUp={grid.drop}
        onPointerCancel={grid.cancel}
        onClick={grid.tap}
      >
        {blocks(grid.shown).map((block, _, all) => (
          <WeekBlock
            key={keyOf(block, all)}
            block={block}
            window={grid.shown[block.window]}
            isFirst={isFirst(block, all)}
            isActive={props.active === block.window}
            onGrab={grid.grab}
            onKey={grid.key}
            onActive={props.onActive}
          />
        ))}
      </div>
      <p id={hintId} className="visually-hidden">
        {t("quiet.week.keys")}
      </p>
    </div>
  );
}

function isFirst(block: Block, all: readonly Block[]): boolean {
  return all.find((one) => one.window === block.window) === block;
}

/** The piece that has the focus keeps it while the window moves to other days. */
function keyOf(block: Block, all: readonly Block[]): string {
  return isFirst(block, all) ? `${block.window}` : `${block.window} ${block.day} ${block.hasStart}`;
}

function useWeekDrag({ windows, onActive, onChange }: WeekGridProps) {
  const body = useRef<HTMLDivElement>(null);
  const [drag, setDrag] = useState<Drag | null>(null);
  /** A click follows a drag, and comes from the grid even where a window was pressed: neither may draw. */
  const dragged = useRef(false);
  const onSpace = useRef(false);

  function begin(event: PointerEvent, next: Drag): void {
    body.current?.setPointerCapture(event.pointerId);
    dragged.current = false;
    setDrag(next);
  }

  function draw(event: PointerEvent<HTMLDivElement>): void {
    if (event.button !== 0 || event.target !== body.current) return;
    onSpace.current = true;
    dragged.current = false;
    // A finger on empty space scrolls the page; a tap adds a window.
    if (event.pointerType === "touch") return;
    const at = pointOf(body.current, event);
    begin(event, { kind: "draw", from: at, to: at });
  }

  function grab(event: PointerEvent, window: number, edge: Edge): void {
    if (event.button !== 0 || !body.current) return;
    event.stopPropagation();
    onSpace.current = false;
    const at = pointOf(body.current, event);
    onActive(window);
    begin(event, { kind: "move", window, edge, from: at, to: at });
  }

  function move(event: PointerEvent): void {
    if (!drag || !body.current) return;
    const to = pointOf(body.current, event);
    if (to.day === drag.to.day && to.minutes === drag.to.minutes) return;
    dragged.current = true;
    setDrag({ ...drag, to });
  }

  function drop(): void {
    if (drag && dragged.current) onChange(withDrag(windows, drag));
    if (drag?.kind === "draw" && dragged.current) onActive(windows.length);
    setDrag(null);
  }

  function tap(event: React.MouseEvent<HTMLDivElement>): void {
    const wasDrag = dragged.current;
    dragged.current = false;
    if (wasDrag || !onSpace.current || event.target !== body.current || windows.length >= WINDOWS_MAX) return;
    const at = pointOf(body.current, event);
    const start = Math.min(Math.floor(at.minutes / HOUR) * HOUR, DAY_MINUTES - TAP_MINUTES);
    onChange([...windows, drawn({ ...at, minutes: start }, { ...at, minutes: start + TAP_MINUTES })]);
    onActive(windows.length);
  }

  function key(event: KeyboardEvent, index: number): void {
    const next = keyed(windows, index, event);
    if (!next) return;
    event.preventDefault();
    onChange(next);
  }

  const shown = drag && dragged.current ? withDrag(windows, drag) : windows;
  const cancel = () => setDrag(null);
  return { body, shown, isDragging: drag !== null, draw, grab, move, drop, cancel, tap, key };
}

function withDrag(windows: readonly QuietWindow[], drag: Drag): QuietWindow[] {
  const { from, to } = drag;
  if (drag.kind === "draw")
    return windows.length < WINDOWS_MAX ? [...windows, drawn(from, to)] : [...windows];
  const minutes = to.minutes - from.minutes;
  const days = drag.edge === "both" ? to.day - from.day : 0;
  // An edge that is pulled into the next column goes on from there.
  const edgeMinutes = drag.edge === "both" ? minutes : minutes + (to.day - from.day) * DAY_MINUTES;
  return windows.map((window, i) =>
    i === drag.window ? moved(window, drag.edge, edgeMinutes, days) : window,
  );
}

function keyed(windows: readonly QuietWindow[], index: number, event: KeyboardEvent): QuietWindow[] | null {
  if (event.key === "Delete" || event.key === "Backspace") return windows.filter((_, i) => i !== index);
  const down = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
  const right = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
  if (down === 0 && (right === 0 || event.shiftKey || event.altKey)) return null;
  const edge = event.shiftKey ? "end" : event.altKey ? "start" : "both";
  return windows.map((window, i) => (i === index ? moved(window, edge, down * SNAP_MINUTES, right) : window));
}

function pointOf(body: HTMLElement, event: { clientX: number; clientY: number }): Point {
  const box = body.getBoundingClientRect();
  const day = Math.floor(((event.clientX - box.left) / box.width) * DAYS.length);
  return {
    day: Math.min(Math.max(day, 0), DAYS.length - 1),
    minutes: snap(((event.clientY - box.top) / box.height) * DAY_MINUTES),
  };
}

interface WeekBlockProps {
  block: Block;
  window: QuietWindow | undefined;
  isFirst: boolean;
  isActive: boolean;
  onGrab: (event: PointerEvent, window: number, edge: Edge) => void;
  onKey: (event: KeyboardEvent, window: number) => void;
  onActive: (window: number | null) => void;
}

/** One piece of a window. One piece of each is in the tab order; the others are pictures of it. */
function WeekBlock({ block, window, isFirst, isActive, onGrab, onKey, onActive }: WeekBlockProps) {
  const t = useT();
  if (!window) return null;
  const place = {
    left: `${(block.day / DAYS.length) * 100}%`,
    top: `${(block.from / DAY_MINUTES) * 100}%`,
    height: `${((block.to - block.from) / DAY_MINUTES) * 100}%`,
  };
  const grab = (edge: Edge) => (event: PointerEvent) => onGrab(event, block.window, edge);
  return (
    <button
      type="button"
      className={`week-block ${isActive ? "active" : ""} ${block.hasStart ? "has-start" : ""} ${block.hasEnd ? "has-end" : ""}`}
      style={place}
      tabIndex={isFirst ? 0 : -1}
      aria-hidden={!isFirst}
      title={`${window.label ? `${window.label} · ` : ""}${spanText(t, window)}`}
      onPointerDown={grab("both")}
      onKeyDown={(event) => onKey(event, block.window)}
      onFocus={() => onActive(block.window)}
    >
      <span className="visually-hidden">{windowText(t, window, block.window + 1)}</span>
      {block.hasStart && <span className="handle start" onPointerDown={grab("start")} />}
      {block.hasStart && (
        <span className="block-text" aria-hidden="true">
          {window.start}
        </span>
      )}
      {block.hasEnd && <span className="handle end" onPointerDown={grab("end")} />}
    </button>
  );
}
