import { type FormEvent, useState } from "react";
import type { RoomView } from "../core/rooms";
import { useT } from "../i18n";
import { useApp, useChat } from "./context";
import { Confirm, Dialog } from "./dialog";
import { Field } from "./field";
import { Icon, IconButton, type IconName } from "./icons";
import { InviteDialog } from "./invite";
import { LeaveRoom } from "./leave-room";
import { MenuList } from "./menu";
import { Mute } from "./mute";
import { errorText } from "./words";

type Choice = "invite" | "mute" | "edit" | "archive" | "unarchive" | "leave" | "delete";

const LABELS = {
  invite: "invite.create",
  mute: "mute.title",
  edit: "room.edit",
  archive: "room.archive",
  unarchive: "room.unarchive",
  leave: "room.leave",
  delete: "room.delete",
} as const;

/** What one may do with the room itself. */
export function RoomMenu({ room, name }: { room: RoomView; name: string }) {
  const t = useT();
  const { account } = useApp();
  const [open, setOpen] = useState(false);
  const [chosen, setChosen] = useState<Choice | null>(null);
  const role = room.me?.role;
  const choices: [Choice, IconName, boolean][] = [
    ["invite", "link", role !== "member" || room.members_invite || room.kind === "public"],
    ["mute", "bellOff", true],
    ["edit", "edit", role === "owner" || role === "moderator"],
    ["archive", "box", role === "owner" && !room.archived],
    ["unarchive", "box", role === "owner" && room.archived],
    ["leave", "leave", true],
    ["delete", "trash", role === "owner"],
  ];
  const choose = (choice: Choice) => {
    setOpen(false);
    if (choice === "unarchive") void account.api.archive(room.id, false).catch(account.tell);
    else setChosen(choice);
  };
  const close = () => setChosen(null);
  return (
    <div className="menu">
      <IconButton icon="more" label={t("room.menu")} expanded={open} onClick={() => setOpen(!open)} />
      {open && (
        <MenuList onClose={() => setOpen(false)}>
          {choices.map(
            ([choice, icon, may]) =>
              may && (
                <button key={choice} type="button" role="menuitem" onClick={() => choose(choice)}>
                  <Icon name={icon} />
                  {t(LABELS[choice])}
                </button>
              ),
          )}
        </MenuList>
      )}
      {chosen === "invite" && <InviteDialog room={room.id} onClose={close} />}
      {chosen === "mute" && <Mute room={room} onClose={close} />}
      {chosen === "archive" && (
        <Confirm
          title={t("room.archive")}
          text={t("room.archiveConfirm", { name })}
          action={t("room.archive")}
          onClose={close}
          onConfirm={() => void account.api.archive(room.id, true).catch(account.tell)}
        />
      )}
      {chosen === "edit" && <EditRoom room={room} onClose={close} />}
      {chosen === "leave" && (
        <LeaveRoom room={room} name={name} onClose={close} onDelete={() => setChosen("delete")} />
      )}
      {chosen === "delete" && (
        <Confirm
          title={t("room.delete")}
          text={t("room.deleteConfirm", { name })}
          action={t("room.delete")}
          onClose={close}
          onConfirm={() => void account.api.deleteRoom(room.id).catch(account.tell)}
        />
      )}
    </div>
  );
}

function EditRoom({ room, onClose }: { room: RoomView; onClose: () => void }) {
  const t = useT();
  const { account } = useApp();
  const me = useChat((chat) => chat.me.id);
  const [failure, setFailure] = useState<string | null>(null);
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    const name = String(data.get("name")).normalize("NFC").trim();
    const topic = String(data.get("topic")).normalize("NFC").trim();
    account.api.rename(room.id, { name, topic }).then(onClose, (error) => setFailure(errorText(t, error)));
  };
  return (
    <Dialog title={t("room.edit")} onClose={onClose}>
      <form onSubmit={submit} noValidate key={me}>
        <Field label={t("create.name")} name="name" defaultValue={room.name ?? ""} required />
        <Field
          label={t("create.topic")}
          name="topic"
          defaultValue={room.topic ?? ""}
          {...(failure && { error: failure })}
        />
        <div className="actions">
          <button type="submit" className="primary">
            {t("app.save")}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
