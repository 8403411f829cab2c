import { useState } from "react";
import type { RoomView } from "../core/rooms";
import { useT } from "../i18n";
import type { Member, Role } from "../protocol/types";
import { Avatar } from "./avatar";
import { useApp, useChat, useSession } from "./context";
import { Confirm, Dialog } from "./dialog";
import { useTalkTo } from "./direct-message";
import { IconButton } from "./icons";
import { PeopleSearch } from "./people-search";

const RANK: Record<Role, number> = { owner: 0, moderator: 1, member: 2 };
const NOBODY: Member[] = [];

/** Who is in the room, and what one may do about it. */
export function Members({ room, onClose }: { room: RoomView; onClose: () => void }) {
  const t = useT();
  const members = useChat((chat) => chat.members[room.id] ?? NOBODY);
  const sorted = [...members].sort(
    (a, b) => RANK[a.role] - RANK[b.role] || a.user.display_name.localeCompare(b.user.display_name),
  );
  const [adding, setAdding] = useState(false);
  const mayAdd = room.me?.role !== "member" || room.members_invite;
  return (
    <aside className="members" aria-label={t("room.members")}>
      <header className="dialog-head">
        <h2>{t("members.title", { count: members.length || room.member_count })}</h2>
        {mayAdd && <IconButton icon="plus" label={t("members.add")} onClick={() => setAdding(true)} />}
        <IconButton icon="close" label={t("app.close")} onClick={onClose} />
      </header>
      <ul className="results">
        {sorted.map((member) => (
          <MemberLine key={member.user.id} room={room} member={member} />
        ))}
      </ul>
      {adding && <AddMember room={room} members={members} onClose={() => setAdding(false)} />}
    </aside>
  );
}

function MemberLine({ room, member }: { room: RoomView; member: Member }) {
  const t = useT();
  const me = useChat((chat) => chat.me.id);
  const user = useChat((chat) => chat.users[member.user.id] ?? member.user);
  const talkTo = useTalkTo();
  const isMe = user.id === me;
  const name = user.display_name;
  return (
    <li className="member" data-user={user.username}>
      <Avatar user={user} withPresence />
      <span className="member-name">
        {isMe ? t("rooms.me", { name }) : name}
        <small>{t(`members.${member.role}`)}</small>
      </span>
      {!isMe && (
        <IconButton icon="talk" label={t("members.message", { name })} onClick={() => talkTo(user.id)} />
      )}
      {!isMe && <Powers room={room} member={member} name={name} />}
    </li>
  );
}

function Powers({ room, member, name }: { room: RoomView; member: Member; name: string }) {
  const t = useT();
  const session = useSession();
  const { account } = useApp();
  const [asking, setAsking] = useState(false);
  const mine = room.me?.role;
  const then = (done: Promise<unknown>) =>
    void done.then(() => session.refreshMembers(room.id)).catch(account.tell);
  const other: Role = member.role === "member" ? "moderator" : "member";
  const label =
    other === "moderator" ? t("members.makeModerator", { name }) : t("members.makeMember", { name });
  const mayKick = mine === "owner" ? true : mine === "moderator" && member.role === "member";
  return (
    <>
      {mine === "owner" && member.role !== "owner" && (
        <IconButton
          icon={other === "moderator" ? "up" : "down"}
          label={label}
          onClick={() => then(account.api.setRole(room.id, member.user.id, other))}
        />
      )}
      {mayKick && (
        <IconButton icon="leave" label={t("members.kick", { name })} onClick={() => setAsking(true)} />
      )}
      {asking && (
        <Kick
          name={name}
          onClose={() => setAsking(false)}
          onKick={(ban) => then(account.api.kick(room.id, member.user.id, ban))}
        />
      )}
    </>
  );
}

/** Ask before somebody is sent out, and whether for good. */
function Kick(props: { name: string; onClose: () => void; onKick: (ban: boolean) => void }) {
  const t = useT();
  const [ban, setBan] = useState(false);
  const title = t("members.kick", { name: props.name });
  return (
    <Confirm
      title={title}
      text={t("members.kickConfirm", { name: props.name })}
      action={title}
      onClose={props.onClose}
      onConfirm={() => props.onKick(ban)}
    >
      <label className="check">
        <input type="checkbox" checked={ban} onChange={(event) => setBan(event.target.checked)} />
        {t("members.ban")}
      </label>
    </Confirm>
  );
}

function AddMember({
  room,
  members,
  onClose,
}: {
  room: RoomView;
  members: readonly Member[];
  onClose: () => void;
}) {
  const t = useT();
  const session = useSession();
  const { account } = useApp();
  const present = members.map((member) => member.user.id);
  return (
    <Dialog title={t("members.add")} onClose={onClose}>
      <PeopleSearch
        without={present}
        onChoose={(user) => {
          onClose();
          void account.api
            .addMember(room.id, user.id)
            .then(() => session.refreshMembers(room.id))
            .catch(account.tell);
        }}
      />
    </Dialog>
  );
}
