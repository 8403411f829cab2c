/** Where a client stands in a room: it has all that is visible up to `seq`. */

import type { Page, RoomEvent, Seq } from "../protocol/types";

export interface Position {
  epoch: number;
  seq: Seq;
}

export type Step = "apply" | "drop" | "gap" | "show";

/** Decide what a live or resumed event does: move on, be dropped, reveal a gap, or only be shown. */
export function step(position: Position, event: RoomEvent, pastHold = false): Step {
  if (event.seq <= position.seq) return "drop";
  if (pastHold) return "show";
  return event.prev === null || event.prev <= position.seq ? "apply" : "gap";
}

/** Move by a page that joins on to the position; any other page leaves it where it is. */
export function afterPage(position: Position, page: Page): Position {
  const joins = page.from <= position.seq && position.seq < page.to;
  return joins ? { epoch: page.epoch, seq: page.to } : position;
}

/** Never move backwards. */
export function advance(position: Position, epoch: number, seq: Seq): Position {
  return seq > position.seq ? { epoch, seq } : position;
}
