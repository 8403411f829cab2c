import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import { ENTRIES_MAX } from "../core/outbox";
import { length, TEXT_CHARS_MAX } from "../core/text";
import { useT } from "../i18n";
import type { RoomId } from "../protocol/types";
import { useChat, useSession } from "./context";
import { Icon } from "./icons";
import { MentionList, suggestionId, useMentions } from "./mentions";
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
  useEffect(() => {
    // On a phone the keyboard would cover what one came to read.
    if (matchMedia("(pointer: fine)").matches) field.current?.focus();
  }, []);
  const full = useChat((chat) => chat.outbox.entries.length >= ENTRIES_MAX);

  const mentions = useMentions(room, field, () => take(field.current?.value ?? ""));

  function take(text: string) {
    setChars(length(text));
    if (text) sessionStorage.setItem(draft, text);
    else sessionStorage.removeItem(draft);
    session.attention.typing(room, text.trim() !== "");
  }

  function send() {
    const box = field.current;
    if (!box || !session.send(room, box.value)) return;
    fillField(box, "");
    take("");
    onSent();
  }

  function key(event: KeyboardEvent<HTMLTextAreaElement>) {
    if (mentions.key(event)) return;
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
        send();
      }}
    >
      <MentionList mentions={mentions} />
      <TextField
        fieldRef={field}
        label={t("composer.label", { name })}
        placeholder={t("composer.placeholder")}
        initial={initial}
        onSubmit={() => mentions.take() || send()}
        onText={(text) => {
          take(text);
          mentions.look();
        }}
        activeSuggestion={mentions.people.length > 0 ? suggestionId(mentions.active) : undefined}
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
