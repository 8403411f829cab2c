import { type KeyboardEvent, useId, useState } from "react";
import { find } from "../core/find";
import { byActivity, type RoomView } from "../core/rooms";
import { useT } from "../i18n";
import { useApp, useChat } from "./context";
import { Dialog } from "./dialog";
import { Icon } from "./icons";
import { RoomMark } from "./room-list";
import { keyText } from "./shortcuts";
import { roomName } from "./words";

const SHOWN_MAX = 8;

/** Go to one of one's rooms by a few letters of its name. */
export function Switcher({ onClose }: { onClose: () => void }) {
  const t = useT();
  const { router } = useApp();
  const list = useId();
  const [text, setText] = useState("");
  const [active, setActive] = useState(0);
  const me = useChat((chat) => chat.me.id);
  const rooms = useChat((chat) => chat.rooms);
  const name = (room: RoomView) => roomName(t, room, me);
  const found = find(byActivity(Object.values(rooms)), text, name).slice(0, SHOWN_MAX);
  const go = (room: RoomView | undefined) => {
    if (!room) return;
    onClose();
    router.go({ at: "room", room: room.id });
  };
  const key = (event: KeyboardEvent) => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (event.nativeEvent.isComposing || (step === 0 && event.key !== "Enter")) return;
    event.preventDefault();
    if (step === 0) go(found[active]);
    else if (found.length > 0) setActive((active + step + found.length) % found.length);
  };
  return (
    <Dialog title={t("switch.title")} onClose={onClose}>
      <input
        type="text"
        className="switcher-field"
        role="combobox"
        aria-label={t("switch.title")}
        placeholder={t("switch.placeholder")}
        aria-expanded={found.length > 0}
        aria-controls={list}
        aria-activedescendant={found.length > 0 ? `${list}-${active}` : undefined}
        autoComplete="off"
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          setActive(0);
        }}
        onKeyDown={key}
      />
      {found.length === 0 && (
        <p className="quiet-text" role="status">
          {t("app.nothing")}
        </p>
      )}
      <div id={list} className="results" role="listbox" aria-label={t("rooms.title")}>
        {found.map((room, index) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the field has the keys.
          <div
            key={room.id}
            id={`${list}-${index}`}
            className="person"
            role="option"
            tabIndex={-1}
            aria-selected={index === active}
            onClick={() => go(room)}
          >
            <RoomMark room={room} />
            <span>{name(room)}</span>
          </div>
        ))}
      </div>
    </Dialog>
  );
}

/** The way to the switcher for who does not know its key. */
export function SwitcherButton({ onOpen }: { onOpen: () => void }) {
  const t = useT();
  return (
    <button type="button" className="switcher-button" onClick={onOpen}>
      <Icon name="search" />
      <span>{t("switch.title")}</span>
      <span className="key" aria-hidden="true">
        {keyText("mod K")}
      </span>
    </button>
  );
}
