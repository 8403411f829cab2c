import { type KeyboardEvent, type RefObject, useEffect, useRef, useState } from "react";
import { ENTRIES_MAX, type Manner } from "../core/outbox";
import { length, TEXT_CHARS_MAX } from "../core/text";
import { useLocale, useT } from "../i18n";
import type { RoomId, Seq } from "../protocol/types";
import { useChat, useSession } from "./context";
import { Confirm } from "./dialog";
import { Icon } from "./icons";
import { AttachButton } from "./media/attach-button";
import { takePaste, useAttach } from "./media/drop";
import { Tray, useAttached } from "./media/tray";
import { useVoice, VoiceButton } from "./media/voice-button";
import { MentionList, suggestionId, useMentions } from "./mentions";
import { PeerNotice, usePeerQuiet, type Way } from "./quiet/peer";
import { until } from "./quiet/words";
import { Answering } from "./quote";
import { fillField, TextField } from "./text-field";

const COUNTED_FROM = TEXT_CHARS_MAX - 200;

interface ComposerProps {
  room: RoomId;
  name: string;
  /** The message that one is answering. */
  answered: Seq | null;
  onAnswer: (seq: Seq | null) => void;
  onSent: () => void;
  /** Arrow up in an empty field: edit one's last message. */
  onEditLast: () => void;
}

/** Where one writes; what is not sent yet is kept for each room until the tab is closed. */
export function Composer({ room, name, answered, onAnswer, onSent, onEditLast }: ComposerProps) {
  const t = useT();
  const session = useSession();
  const field = useRef<HTMLTextAreaElement>(null);
  const { initial, chars, take } = useDraft(room);
  const full = useChat((chat) => chat.outbox.entries.length >= ENTRIES_MAX);
  const hasMedia = useChat((chat) => chat.features.includes("media"));
  const mentions = useMentions(room, field, () => take(field.current?.value ?? ""));
  const attach = useAttach(room);
  const attached = useAttached(room);
  useFocus(field, attached.length, answered);
  const delivery = useDelivery(room, name);
  const voice = useVoice(room, (recording) =>
    delivery.guard(() => {
      session.uploads.voice(room, recording, manner());
      sent();
    }),
  );

  function manner(): Manner {
    return {
      ...(delivery.notify && { notify: delivery.notify }),
      ...(answered !== null && { reply_to: answered }),
    };
  }

  function sent() {
    onAnswer(null);
    onSent();
  }

  function send() {
    const box = field.current;
    if (!box || (!box.value.trim() && attached.length === 0)) return;
    delivery.guard(() => {
      if (!session.send(room, box.value, manner())) return;
      fillField(box, "");
      take("");
      sent();
    });
  }

  function key(event: KeyboardEvent<HTMLTextAreaElement>) {
    if (mentions.key(event)) return;
    if (event.key === "Escape") onAnswer(null);
    if (event.key !== "ArrowUp" || event.currentTarget.value) return;
    event.preventDefault();
    onEditLast();
  }

  const tooLong = chars - TEXT_CHARS_MAX;
  const empty = chars === 0 && attached.length === 0;
  return (
    <>
      {delivery.notice}
      {delivery.confirmation}
      {answered !== null && <Answering room={room} seq={answered} onCancel={() => onAnswer(null)} />}
      <Tray uploads={attached} />
      <form
        className="composer"
        onPaste={(event) => hasMedia && takePaste(event, attach)}
        onSubmit={(event) => {
          event.preventDefault();
          send();
        }}
      >
        <MentionList mentions={mentions} />
        {hasMedia && <AttachButton onFiles={attach} />}
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
        <Limits tooLong={tooLong} full={full} />
        {hasMedia && empty ? (
          <VoiceButton voice={voice} disabled={full} />
        ) : (
          <SendButton disabled={empty || tooLong > 0 || full} />
        )}
        {voice.bar}
      </form>
    </>
  );
}

function SendButton({ disabled }: { disabled: boolean }) {
  const t = useT();
  return (
    <button type="submit" className="send" aria-label={t("composer.send")} disabled={disabled}>
      <Icon name="send" />
    </button>
  );
}

function Limits({ tooLong, full }: { tooLong: number; full: boolean }) {
  const t = useT();
  const near = tooLong <= 0 && tooLong > COUNTED_FROM - TEXT_CHARS_MAX;
  return (
    <>
      {tooLong > 0 && (
        <span className="too-long" role="alert">
          {t("composer.tooLong", { count: tooLong })}
        </span>
      )}
      {near && <span className="quiet-text">{-tooLong}</span>}
      {full && (
        <span className="too-long" role="alert">
          {t("composer.full")}
        </span>
      )}
    </>
  );
}

/** What is being written in a room, kept while one looks elsewhere. */
function useDraft(room: RoomId) {
  const session = useSession();
  // Of each person: another may sign in in this tab.
  const draft = `kaftalk.draft.${useChat((chat) => chat.me.id)}.${room}`;
  const [initial] = useState(() => sessionStorage.getItem(draft) ?? "");
  const [chars, setChars] = useState(() => length(initial));
  function take(text: string) {
    setChars(length(text));
    if (text) sessionStorage.setItem(draft, text);
    else sessionStorage.removeItem(draft);
    session.attention.typing(room, text.trim() ? "text" : "none");
  }
  return { initial, chars, take };
}

/** Who has opened the room or attached something goes on by writing. */
function useFocus(
  field: RefObject<HTMLTextAreaElement | null>,
  attached: number,
  answered: Seq | null,
): void {
  // biome-ignore lint/correctness/useExhaustiveDependencies: with every file, and with every answer.
  useEffect(() => {
    // On a phone the keyboard would cover what one came to read.
    if (matchMedia("(pointer: fine)").matches) field.current?.focus();
  }, [field, attached, answered]);
}

/** How a message goes to somebody who is quiet: held, silently, or anyway, after a question. */
function useDelivery(room: RoomId, name: string) {
  const t = useT();
  const locale = useLocale();
  const quiet = usePeerQuiet(room);
  const [way, setWay] = useState<Way>("held");
  /** What is done once the person has confirmed that it shall alert. */
  const [asking, setAsking] = useState<{ send: () => void } | null>(null);
  const chosen = quiet ? way : "held";
  const notify = chosen === "held" ? undefined : chosen;
  const time = quiet?.next_end ? until(locale, Date.parse(quiet.next_end), Date.now()) : "…";
  const go = (send: () => void) => {
    send();
    // To send anyway is chosen for one message.
    setWay((last) => (last === "urgent" ? "held" : last));
  };
  return {
    notify,
    notice: quiet && <PeerNotice name={name} quiet={quiet} way={way} onWay={setWay} />,
    guard: (send: () => void) => (notify === "urgent" ? setAsking({ send }) : go(send)),
    confirmation: asking && (
      <Confirm
        title={t("quiet.peer.confirm", { name })}
        text={t("quiet.peer.confirmText", { name, time })}
        action={t("quiet.peer.anyway")}
        onClose={() => setAsking(null)}
        onConfirm={() => go(asking.send)}
      />
    ),
  };
}
