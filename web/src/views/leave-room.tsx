import { useState } from "react";
import type { RoomView } from "../core/rooms";
import { useT } from "../i18n";
import type { Member } from "../protocol/types";
import { useApp, useChat } from "./context";
import { Dialog } from "./dialog";

const NOBODY: Member[] = [];

/** Leave a room; its last owner names who takes over, and alone can only delete it. */
export function LeaveRoom(props: {
  room: RoomView;
  name: string;
  onClose: () => void;
  onDelete: () => void;
}) {
  const t = useT();
  const { account, router } = useApp();
  const { room, name, onClose, onDelete } = props;
  const me = useChat((chat) => chat.me.id);
  const members = useChat((chat) => chat.members[room.id] ?? NOBODY);
  const others = members.filter((member) => member.user.id !== me);
  const isLastOwner = room.me?.role === "owner" && !others.some((member) => member.role === "owner");
  const [successor, setSuccessor] = useState("");
  const alone = isLastOwner && others.length === 0;
  const leave = () => {
    onClose();
    const chosen = isLastOwner ? successor : undefined;
    account.api.leave(room.id, chosen || undefined).then(() => router.go({ at: "home" }), account.tell);
  };
  return (
    <Dialog title={t("room.leave")} onClose={onClose}>
      <p>{alone ? t("room.leaveAlone") : t("room.leaveConfirm", { name })}</p>
      {isLastOwner && !alone && (
        <label className="field">
          {t("room.leaveSuccessor")}
          <select value={successor} onChange={(event) => setSuccessor(event.target.value)}>
            <option value="" />
            {others.map(({ user }) => (
              <option key={user.id} value={user.id}>
                {user.display_name}
              </option>
            ))}
          </select>
        </label>
      )}
      <div className="actions">
        <button type="button" className="plain" onClick={onClose}>
          {t("app.cancel")}
        </button>
        {alone ? (
          <button type="button" className="danger" onClick={onDelete}>
            {t("room.delete")}
          </button>
        ) : (
          <button type="button" className="danger" disabled={isLastOwner && !successor} onClick={leave}>
            {t("room.leave")}
          </button>
        )}
      </div>
    </Dialog>
  );
}
