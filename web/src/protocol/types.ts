/**
 * The wire contract as the client uses it: the generated types under its own names.
 *
 * What is added is what the schemas leave open: stored messages have all their fields, an event's record is
 * one of the known kinds (unknown ones match none of them), a `room` frame is told apart by `change`.
 */

import type * as Frames from "./generated/frames";
import type * as Rest from "./generated/rest";
import type { MediaObject, MediaRecord } from "./media";
import type { ReleaseFrame } from "./quiet";

export type UserId = string;
export type RoomId = string;
export type Seq = number;

export type User = Rest.User;
export type Me = Rest.Account;
export type Member = Rest.Member;
export type Role = Member["role"];
export type Room = Rest.Room;
export type RoomEntry = Omit<Rest.RoomEntry, "last_event"> & { last_event: RoomEvent | null };
export type Invite = Rest.Invite;
export type InvitePreview = Rest.InvitePreview;
export type Problem = Rest.Problem;
export type SignedIn = Rest.SignedIn;
export type SignedInAt = Rest.Session;

export interface Listing<T> {
  items: T[];
  next_cursor: string | null;
}

export type MessageRecord = Required<Omit<Frames.RecordMessage, "media">> & {
  media: MediaObject[];
} & Partial<Pick<Frames.MessageItem, "edited" | "reactions">>;
export type DeletedRecord = Frames.DeletedItem;

export type KnownRecord =
  | MessageRecord
  | DeletedRecord
  | Required<Frames.RecordEdit>
  | Frames.RecordDelete
  | Frames.RecordReaction
  | MediaRecord
  | Required<Frames.RecordJoin>
  | Frames.RecordLeave
  | Frames.RecordKick
  | Frames.RecordBan
  | Frames.RecordRoleChange
  | Frames.RecordRoom;

export type RoomEvent = Omit<Frames.Event, "e"> & { e: KnownRecord };
export type Page = Omit<Frames.PageFrame, "t" | "id" | "room" | "items"> & { items: RoomEvent[] };

export type Resume = Record<RoomId, [epoch: number, seq: Seq]>;

export type ClientFrame =
  | (Omit<Frames.ClientHello, "resume"> & { resume: Resume })
  | (Omit<Frames.ClientResume, "resume"> & { resume: Resume })
  | Frames.ClientSend
  | Frames.ClientEdit
  | Frames.ClientDelete
  | Frames.ClientReact
  | Frames.ClientHistory
  | Frames.ClientRead
  | Frames.ClientTyping
  | Frames.ClientFocus
  | Frames.ClientActive
  | Frames.ClientWatch
  | Frames.ClientPing;

export type Presence = Frames.Presence["state"];
export type HeldCount = Frames.HeldCount;
export type RemovedReason = Frames.RemovedRoom["reason"];

export type ServerFrame =
  | Frames.Welcome
  | (Omit<Frames.EventFrame, "e"> & { e: KnownRecord })
  | Frames.Resumed
  | Frames.Reset
  | Frames.Ack
  | Frames.Error
  | ({ t: "page"; id: string; room: RoomId } & Page)
  | { t: "room"; change: "added" | "updated"; room: RoomEntry }
  | { t: "room"; change: "removed"; room: Frames.RemovedRoom }
  | Frames.Typing
  | Frames.Presence
  | Frames.Read
  | Frames.UserFrame
  | Frames.Quiet
  | Frames.Held
  | Frames.Alert
  | ReleaseFrame
  | Frames.Pong
  | Frames.Drain;
