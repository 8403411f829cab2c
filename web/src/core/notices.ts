/** Which messages a person is told of while she looks elsewhere. */

import type { RoomEvent, RoomId } from "../protocol/types";
import type { Chat } from "./chat";
import { isMuted, speaksTo } from "./rooms";

/** Of nothing; of what speaks to oneself: direct messages and mentions; of every message. */
export const REACHES = ["none", "own", "all"] as const;
export type Reach = (typeof REACHES)[number];

/**
 * Decide about an event that comes in, before it is laid over the chat.
 *
 * Nothing is told in quiet hours (what passes them comes as an alert), of a muted room, or a second time.
 */
export function isTold(chat: Chat, id: RoomId, event: RoomEvent, reach: Reach, now: number): boolean {
  const room = chat.rooms[id];
  const { e } = event;
  if (!room || reach === "none" || chat.hold.active || isMuted(room, now)) return false;
  if (e.k !== "message" || e.by === chat.me.id || e.notify === "silent") return false;
  if (event.seq <= room.counted || event.seq <= room.read_seq) return false;
  return reach === "all" || room.kind === "direct" || speaksTo(e, chat.me.id);
}
