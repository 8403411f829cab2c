/** What the tab shows of the page: its title and its icon. */

import { useEffect } from "react";
import { isMuted } from "../core/rooms";
import { type Translate, useT } from "../i18n";
import type { RoomId } from "../protocol/types";
import type { Place } from "../shell/router";
import { useChat, usePlace } from "./context";
import { roomName } from "./words";

/** Name the page, with how many rooms have something unread; in quiet hours nothing counts. */
export function useTitle(id: RoomId | null): void {
  const t = useT();
  const place = usePlace();
  const unread = useChat((chat) =>
    chat.hold.active
      ? 0
      : Object.values(chat.rooms).filter((room) => room.unread > 0 && !isMuted(room, Date.now())).length,
  );
  const room = useChat((chat) => (id && chat.rooms[id] ? roomName(t, chat.rooms[id], chat.me.id) : ""));
  const page = room || pageName(t, place);
  useEffect(() => {
    document.title = [unread > 0 ? `(${unread})` : "", page, page && "·", "Kaftalk"]
      .filter(Boolean)
      .join(" ");
    document
      .querySelector<HTMLLinkElement>('link[rel="icon"]')
      ?.setAttribute("href", unread > 0 ? "/icon-unread.svg" : "/icon.svg");
  }, [unread, page]);
}

function pageName(t: Translate, place: Place): string {
  switch (place.at) {
    case "quiet-hours":
      return t("quiet.title");
    case "digests":
      return t("quiet.digest.title");
    case "account":
      return t("account.title");
    case "invite":
      return t("invite.title");
    default:
      return "";
  }
}
