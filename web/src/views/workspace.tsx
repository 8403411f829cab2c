import { lazy, Suspense, useEffect, useState } from "react";
import { useT } from "../i18n";
import { ConnectionBanner } from "./banner";
import { useApp, useChat, usePlace, useSession } from "./context";
import { CreateRoom } from "./create-room";
import { DirectMessage } from "./direct-message";
import { Directory } from "./directory";
import { InvitePage } from "./invite";
import { QuietBanner } from "./quiet/banner";
import { NoRoom, RoomPage } from "./room";
import { RoomList } from "./room-list";
import { ShortcutHelp, useShortcuts } from "./shortcuts";
import { Switcher } from "./switcher";
import { useTitle } from "./title";

const AccountPage = lazy(() => import("./account/page"));
const QuietPage = lazy(() => import("./quiet/page"));
const DigestsPage = lazy(() => import("./quiet/digests"));

export type Opened = "create" | "directory" | "direct" | "switch" | "keys" | null;

/** The list of rooms beside the open room; on a phone one of the two. */
export function Workspace() {
  const place = usePlace();
  const [opened, setOpened] = useState<Opened>(null);
  const room = place.at === "room" ? place.room : null;
  useOpenRoom(room);
  useTitle(room);
  useShortcuts(setOpened);
  if (place.at === "invite") return <InvitePage code={place.code} />;
  return (
    <div className={`workspace ${place.at === "home" ? "in-list" : "in-room"}`}>
      <div className="banners">
        <ConnectionBanner />
        <QuietBanner />
      </div>
      <RoomList current={room} onOpen={setOpened} />
      <Suspense fallback={<Loading />}>
        {place.at === "room" && <RoomPage key={place.room} id={place.room} />}
        {place.at === "home" && <NoRoom />}
        {place.at === "quiet-hours" && <QuietPage />}
        {place.at === "digests" && <DigestsPage />}
        {place.at === "account" && <AccountPage onKeys={() => setOpened("keys")} />}
      </Suspense>
      {opened === "create" && <CreateRoom onClose={() => setOpened(null)} />}
      {opened === "directory" && <Directory onClose={() => setOpened(null)} />}
      {opened === "switch" && <Switcher onClose={() => setOpened(null)} />}
      {opened === "keys" && <ShortcutHelp onClose={() => setOpened(null)} />}
      {opened === "direct" && <DirectMessage onClose={() => setOpened(null)} />}
    </div>
  );
}

function Loading() {
  return (
    <main className="room none">
      <p className="quiet-text">{useT()("app.loading")}</p>
    </main>
  );
}

/** Open a room once it is known; it may come later than the page, and go while it is open. */
function useOpenRoom(room: string | null) {
  const session = useSession();
  const known = useChat((chat) => room !== null && chat.rooms[room] !== undefined);
  useEffect(() => session.open(known ? room : null), [session, room, known]);
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
