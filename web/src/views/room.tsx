import { useRef, useState } from "react";
import { TYPING_MS } from "../core/chat";
import type { RoomView } from "../core/rooms";
import { useT } from "../i18n";
import { Composer } from "./composer";
import { useApp, useChat } from "./context";
import { Icon } from "./icons";
import { Log } from "./log";
import { DropZone } from "./media/drop";
import { Members } from "./members";
import { PageHead } from "./page-head";
import { RoomMenu } from "./room-menu";
import { useTick } from "./tick";
import { nameOf, roomName } from "./words";

export function NoRoom() {
  return (
    <main className="room none">
      <p className="quiet-text">{useT()("rooms.choose")}</p>
    </main>
  );
}

export function RoomPage({ id }: { id: string }) {
  const room = useChat((chat) => chat.rooms[id]);
  return room ? <OpenRoom room={room} /> : <MissingRoom />;
}

function MissingRoom() {
  const t = useT();
  const { router } = useApp();
  const loading = useChat((chat) => !chat.listed);
  return (
    <main className="room none">
      <p className="quiet-text">{loading ? t("app.loading") : t("rooms.missing")}</p>
      <button type="button" className="plain" onClick={() => router.go({ at: "home" })}>
        {t("app.back")}
      </button>
    </main>
  );
}

function OpenRoom({ room }: { room: RoomView }) {
  const t = useT();
  const me = useChat((chat) => chat.me.id);
  const timeline = useChat((chat) => chat.timelines[room.id]);
  const [membersShown, setMembersShown] = useState(false);
  const [editing, setEditing] = useState<number | null>(null);
  const [sent, setSent] = useState(0);
  const [answered, setAnswered] = useState<number | null>(null);
  const name = roomName(t, room, me);
  const area = useRef<HTMLElement>(null);
  const mayAttach = useChat((chat) => chat.features.includes("media")) && !room.archived;
  const editLast = () => {
    const own = timeline?.items.findLast((item) => item.e.k === "message" && item.e.by === me && item.e.text);
    if (own) setEditing(own.seq);
  };
  return (
    <main ref={area} className={`room ${membersShown ? "with-members" : ""}`}>
      <RoomHead
        room={room}
        name={name}
        membersShown={membersShown}
        onMembers={() => setMembersShown(!membersShown)}
      />
      {timeline?.loaded ? (
        <Log
          room={room}
          name={name}
          timeline={timeline}
          sent={sent}
          editing={editing}
          onEdit={setEditing}
          onReply={room.archived ? undefined : setAnswered}
        />
      ) : (
        <p className="log-waiting quiet-text" role="status">
          {t("app.loading")}
        </p>
      )}
      <TypingLine room={room.id} />
      {room.archived ? (
        <p className="archived">{t("rooms.archived")}</p>
      ) : (
        <Composer
          room={room.id}
          name={name}
          answered={answered}
          onAnswer={setAnswered}
          onSent={() => setSent(sent + 1)}
          onEditLast={editLast}
        />
      )}
      {mayAttach && <DropZone room={room.id} name={name} area={area} />}
      {membersShown && <Members room={room} onClose={() => setMembersShown(false)} />}
    </main>
  );
}

function RoomHead(props: { room: RoomView; name: string; membersShown: boolean; onMembers: () => void }) {
  const t = useT();
  const { room, name } = props;
  return (
    <PageHead
      title={
        <>
          <h1>
            {room.kind === "private" && <Icon name="lock" />}
            {name}
          </h1>
          {room.topic && <p title={room.topic}>{room.topic}</p>}
          {room.peer && <PeerPresence user={room.peer.id} />}
        </>
      }
    >
      {room.kind !== "direct" && (
        <button
          type="button"
          className="plain members-button"
          aria-expanded={props.membersShown}
          data-testid="members-button"
          onClick={props.onMembers}
        >
          <Icon name="people" />
          <span className="visually-hidden">{t("room.members")} </span>
          {room.member_count}
        </button>
      )}
      {room.kind !== "direct" && <RoomMenu room={room} name={name} />}
    </PageHead>
  );
}

function PeerPresence({ user }: { user: string }) {
  const t = useT();
  const state = useChat((chat) => (user === chat.me.id ? undefined : chat.presence[user]));
  return state && <p>{t(`presence.${state}`)}</p>;
}

function TypingLine({ room }: { room: string }) {
  const t = useT();
  const typing = useChat((chat) => chat.typing[room]);
  const users = useChat((chat) => chat.users);
  const all = Object.entries(typing ?? {});
  const now = useTick(all.some(([, { until }]) => until > Date.now()) ? 1_000 : null);
  const [first, second, third] = all
    .filter(([, { until }]) => until > now && until <= now + 2 * TYPING_MS)
    .map(([id]) => id);
  let text = "";
  if (third) text = t("typing.many");
  else if (first && second)
    text = t("typing.two", { name: nameOf(users, first), other: nameOf(users, second) });
  else if (first)
    text = t(typing?.[first]?.kind === "voice" ? "typing.voice" : "typing.one", {
      name: nameOf(users, first),
    });
  return (
    <p className="typing" data-testid="typing">
      {text}
    </p>
  );
}
