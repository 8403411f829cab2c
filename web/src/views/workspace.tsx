import { useEffect, useState } from "react";
import { ConnectionBanner } from "./banner";
import { useApp, useChat, usePlace, useSession } from "./context";
import { CreateRoom } from "./create-room";
import { DirectMessage } from "./direct-message";
import { Directory } from "./directory";
import { InvitePage } from "./invite";
import { NoRoom, RoomPage } from "./room";
import { RoomList } from "./room-list";

export type Opened = "create" | "directory" | "direct" | null;

/** The list of rooms beside the open room; on a phone one of the two. */
export function Workspace() {
  const place = usePlace();
  const [opened, setOpened] = useState<Opened>(null);
  const room = place.at === "room" ? place.room : null;
  useOpenRoom(room);
  useTitle();
  if (place.at === "invite") return <InvitePage code={place.code} />;
  return (
    <div className={`workspace ${room ? "in-room" : "in-list"}`}>
      <ConnectionBanner />
      <RoomList current={room} onOpen={setOpened} />
      {room ? <RoomPage key={room} id={room} /> : <NoRoom />}
      {opened === "create" && <CreateRoom onClose={() => setOpened(null)} />}
      {opened === "directory" && <Directory onClose={() => setOpened(null)} />}
      {opened === "direct" && <DirectMessage onClose={() => setOpened(null)} />}
    </div>
  );
}

/** Open a room once it is known; it may come later than the page, and go while it is open. */
function useOpenRoom(room: string | null) {
  const session = useSession();
  const known = useChat((chat) => room !== null && chat.rooms[room] !== undefined);
  useEffect(() => session.open(known ? room : null), [session, room, known]);
}

/** The unread count stands in the title, where a hidden page shows it. */
function useTitle() {
  const unread = useChat(
    (chat) => Object.values(chat.rooms).filter((room) => room.unread > 0 && !room.muted_until).length,
  );
  useEffect(() => {
    document.title = unread > 0 ? `(${unread}) Kaftalk` : "Kaftalk";
  }, [unread]);
}

/** Go to a room that was just made or joined: first it has to be among one's own. */
export function useEnter(): (room: string) => Promise<void> {
  const session = useSession();
  const { router } = useApp();
  return async (room) => {
    await session.refreshRooms();
    router.go({ at: "room", room });
  };
}
