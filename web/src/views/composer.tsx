import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import { ENTRIES_MAX } from "../core/outbox";
import { length, TEXT_CHARS_MAX } from "../core/text";
import { useLocale, useT } from "../i18n";
import type { RoomId } from "../protocol/types";
import { useChat, useSession } from "./context";
import { Confirm } from "./dialog";
import { Icon } from "./icons";
import { MentionList, suggestionId, useMentions } from "./mentions";
import { PeerNotice, usePeerQuiet, type Way } from "./quiet/peer";
import { until } from "./quiet/words";
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

  const delivery = useDelivery(room, name);

  function send(sure = false) {
    const box = field.current;
    if (!box || (!sure && delivery.asks(box.value))) return;
    if (!session.send(room, box.value, delivery.notify)) return;
    delivery.done();
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
    <>
      {delivery.notice}
      {delivery.confirmation(() => send(true))}
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
    </>
  );
}

/** How a message goes to somebody who is quiet: held, silently, or anyway, after a question. */
function useDelivery(room: RoomId, name: string) {
  const t = useT();
  const locale = useLocale();
  const quiet = usePeerQuiet(room);
  const [way, setWay] = useState<Way>("held");
  const [asking, setAsking] = useState(false);
  const chosen = quiet ? way : "held";
  const notify = chosen === "held" ? undefined : chosen;
  const time = quiet?.next_end ? until(locale, Date.parse(quiet.next_end), Date.now()) : "…";
  return {
    notify,
    notice: quiet && <PeerNotice name={name} quiet={quiet} way={way} onWay={setWay} />,
    asks(text: string): boolean {
      const must = notify === "urgent" && text.trim() !== "";
      setAsking(must);
      return must;
    },
    /** To send anyway is chosen for one message. */
    done: () => setWay((last) => (last === "urgent" ? "held" : last)),
    confirmation: (onConfirm: () => void) =>
      asking && (
        <Confirm
          title={t("quiet.peer.confirm", { name })}
          text={t("quiet.peer.confirmText", { name, time })}
          action={t("quiet.peer.anyway")}
          onClose={() => setAsking(false)}
          onConfirm={onConfirm}
        />
      ),
  };
}
