import { type KeyboardEvent, useRef, useState } from "react";
import { ENTRIES_MAX } from "../core/outbox";
import { length, TEXT_CHARS_MAX } from "../core/text";
import { useT } from "../i18n";
import type { RoomId } from "../protocol/types";
import { useChat, useSession } from "./context";
import { Icon } from "./icons";
import { fillField, TextField } from "./text-field";

const COUNTED_FROM = TEXT_CHARS_MAX - 200;

interface ComposerProps {
  room: RoomId;
  name: string;
  onSent: () => void;
  /** Arrow up in an empty field: edit one's last message. */
  onEditLast: () => void;
}

/** Where one writes; what is not sent yet is kept for each room until the tab is closed. */
export function Composer({ room, name, onSent, onEditLast }: ComposerProps) {
  const t = useT();
  const session = useSession();
  const field = useRef<HTMLTextAreaElement>(null);
  const draft = `kaftalk.draft.${room}`;
  const [initial] = useState(() => sessionStorage.getItem(draft) ?? "");
  const [chars, setChars] = useState(() => length(initial));
  const full = useChat((chat) => chat.outbox.entries.length >= ENTRIES_MAX);

  function take(text: string) {
    setChars(length(text));
    if (text) sessionStorage.setItem(draft, text);
    else sessionStorage.removeItem(draft);
    session.attention.typing(room, text.trim() !== "");
  }

  function submit() {
    const box = field.current;
    if (!box || !session.send(room, box.value)) return;
    fillField(box, "");
    take("");
    onSent();
  }

  function key(event: KeyboardEvent<HTMLTextAreaElement>) {
    if (event.key !== "ArrowUp" || event.currentTarget.value) return;
    event.preventDefault();
    onEditLast();
  }

  const tooLong = chars - TEXT_CHARS_MAX;
  return (
    <form
      className="composer"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <TextField
        fieldRef={field}
        label={t("composer.label", { name })}
        placeholder={t("composer.placeholder")}
        initial={initial}
        onSubmit={submit}
        onText={take}
        onKey={key}
      />
      {tooLong > 0 && (
        <span className="too-long" role="alert">
          {t("composer.tooLong", { count: tooLong })}
        </span>
      )}
      {tooLong <= 0 && chars > COUNTED_FROM && <span className="quiet-text">{-tooLong}</span>}
      {full && (
        <span className="too-long" role="alert">
          {t("composer.full")}
        </span>
      )}
      <button
        type="submit"
        className="send"
        aria-label={t("composer.send")}
        disabled={chars === 0 || tooLong > 0 || full}
      >
        <Icon name="send" />
      </button>
    </form>
  );
}
