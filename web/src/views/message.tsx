import { memo, useEffect, useRef, useState } from "react";
import type { Entry } from "../core/outbox";
import { speaksTo } from "../core/rooms";
import { type Span, spans } from "../core/spans";
import type { Item } from "../core/timeline";
import { useLocale, useT } from "../i18n";
import type { MessageRecord, UserId } from "../protocol/types";
import { Avatar } from "./avatar";
import { useApp, useChat, useSession } from "./context";
import { Confirm } from "./dialog";
import { IconButton } from "./icons";
import { Attachments } from "./media/attachments";
import { Quote } from "./quote";
import { TextField } from "./text-field";
import { clock, errorText, margin, moment, nameOf, noteText } from "./words";

const EMOJI = ["👍", "❤️", "😂", "🎉", "👀", "✅"];

interface MessageProps {
  room: string;
  item: Item;
  first: boolean;
  mayDelete: boolean;
  editing: boolean;
  onEdit: (seq: number | null) => void;
  /** Answer this message; without it nobody can. */
  onReply?: ((seq: number) => void) | undefined;
}

/** One message as of now: text, reactions, and what may be done with it. */
export const Message = memo(function Message(props: MessageProps) {
  const { item, first, editing, onEdit, room } = props;
  const { e } = item;
  const own = useChat((chat) => "by" in e && e.by === chat.me.id);
  const isNamed = useChat(({ me }) => e.k === "message" && e.by !== me.id && speaksTo(e, me.id));
  /** In a long log what can be done with each message weighs more than the messages: it comes with the first look. */
  const [isNear, setNear] = useState(false);
  if (e.k !== "message" && e.k !== "deleted") return null;
  return (
    <Frame
      by={e.by}
      ts={item.ts}
      first={first}
      seq={item.seq}
      own={own}
      className={isNamed ? "named" : ""}
      onNear={() => setNear(true)}
    >
      {e.k === "deleted" && <Deleted />}
      {e.k === "message" && editing && (
        <Editor room={room} seq={item.seq} text={e.text} onDone={() => onEdit(null)} />
      )}
      {e.k === "message" && !editing && (
        <>
          {e.reply_to !== null && <Quote room={room} seq={e.reply_to} />}
          {e.text && (
            <p className="text">
              <Text message={e} />
              {e.edited && <EditedMark ts={e.edited.ts} />}
            </p>
          )}
          {e.media.length > 0 && <Attachments media={e.media} />}
          <Reactions room={room} seq={item.seq} message={e} />
          {isNear && <Actions {...props} own={own} message={e} />}
        </>
      )}
    </Frame>
  );
});

export function Frame(props: {
  by: UserId;
  ts: number;
  first: boolean;
  seq?: number;
  own: boolean;
  className?: string;
  /** The pointer or the focus has come. */
  onNear?: () => void;
  children: React.ReactNode;
}) {
  const locale = useLocale();
  const user = useChat((chat) => chat.users[props.by]);
  const name = useChat((chat) => nameOf(chat.users, props.by));
  return (
    <article
      className={`message ${props.first ? "first" : ""} ${props.own ? "own" : ""} ${props.className ?? ""}`}
      tabIndex={-1}
      data-seq={props.seq}
      data-testid="message"
      onPointerEnter={props.onNear}
      onFocus={props.onNear}
    >
      {props.first ? <Avatar user={user} /> : <time className="gutter">{margin(locale, props.ts)}</time>}
      <div className="body">
        {props.first && (
          <header>
            <strong>{name}</strong>
            <time dateTime={new Date(props.ts).toISOString()} title={moment(locale, props.ts)}>
              {clock(locale, props.ts)}
            </time>
          </header>
        )}
        {!props.first && <span className="speaker">{name}: </span>}
        {props.children}
      </div>
    </article>
  );
}

function Deleted() {
  return <p className="text quiet-text">{useT()("message.deleted")}</p>;
}

function EditedMark({ ts }: { ts: number }) {
  const locale = useLocale();
  return (
    <small className="edited" title={moment(locale, ts)}>
      {useT()("message.edited")}
    </small>
  );
}

function Text({ message }: { message: Pick<MessageRecord, "text" | "mentions"> }) {
  const users = useChat((chat) => chat.users);
  const names = new Set(message.mentions.flatMap((id) => users[id]?.username ?? []));
  let at = 0;
  return spans(message.text, names).map((span) => {
    const key = at;
    at += span.text.length;
    return <Piece key={key} span={span} />;
  });
}

function Piece({ span }: { span: Span }) {
  switch (span.kind) {
    case "text":
      return span.text;
    case "mention":
      return <mark>{span.text}</mark>;
    case "code":
    case "block":
      return <code className={span.kind}>{span.text}</code>;
    case "link":
      return (
        <a href={span.href} target="_blank" rel="noopener noreferrer nofollow">
          {span.text}
        </a>
      );
  }
}

function Reactions({ room, seq, message }: { room: string; seq: number; message: MessageRecord }) {
  const t = useT();
  const react = useReact(room, seq);
  if (!message.reactions?.length) return null;
  return (
    <div className="reactions">
      {message.reactions.map(({ emoji, count, me }) => (
        <button
          key={emoji}
          type="button"
          aria-pressed={me}
          title={t("message.reaction", { emoji, count })}
          onClick={() => react(emoji, !me)}
        >
          {emoji} <span>{count}</span>
        </button>
      ))}
    </div>
  );
}

function useReact(room: string, seq: number): (emoji: string, on: boolean) => void {
  const session = useSession();
  const { account } = useApp();
  return (emoji, on) => void session.react(room, seq, emoji, on).catch(account.tell);
}

function Actions(props: MessageProps & { own: boolean; message: MessageRecord }) {
  const t = useT();
  const { account } = useApp();
  const session = useSession();
  const { room, item, own, message } = props;
  const react = useReact(room, item.seq);
  const [open, setOpen] = useState<"emoji" | "delete" | null>(null);
  const copy = () =>
    void navigator.clipboard.writeText(message.text).then(() => account.say("message.copied"), account.tell);
  const mine = (emoji: string) => message.reactions?.some((one) => one.emoji === emoji && one.me) ?? false;
  return (
    <div
      className={`message-actions ${open ? "open" : ""}`}
      role="toolbar"
      aria-label={t("message.actions")}
      onKeyDown={(event) => event.key === "Escape" && open === "emoji" && setOpen(null)}
    >
      {open === "emoji" &&
        EMOJI.map((emoji) => (
          <button
            key={emoji}
            type="button"
            className="icon-button"
            aria-label={t("message.react", { emoji })}
            onClick={() => {
              react(emoji, !mine(emoji));
              setOpen(null);
            }}
          >
            {emoji}
          </button>
        ))}
      <IconButton
        icon={open === "emoji" ? "close" : "smile"}
        label={open === "emoji" ? t("app.close") : t("message.addReaction")}
        expanded={open === "emoji"}
        onClick={() => setOpen(open === "emoji" ? null : "emoji")}
      />
      {props.onReply && (
        <IconButton icon="reply" label={t("message.reply")} onClick={() => props.onReply?.(item.seq)} />
      )}
      {message.text && canCopy() && <IconButton icon="copy" label={t("message.copy")} onClick={copy} />}
      {own && message.text && (
        <IconButton icon="edit" label={t("message.edit")} onClick={() => props.onEdit(item.seq)} />
      )}
      {(own || props.mayDelete) && (
        <IconButton icon="trash" label={t("message.delete")} onClick={() => setOpen("delete")} />
      )}
      {open === "delete" && (
        <Confirm
          title={t("message.delete")}
          text={t("message.deleteConfirm")}
          action={t("message.delete")}
          onClose={() => setOpen(null)}
          onConfirm={() => void session.delete(room, item.seq).catch(account.tell)}
        />
      )}
    </div>
  );
}

/** Where the page is not served securely there is no clipboard. */
function canCopy(): boolean {
  return "clipboard" in navigator;
}

function Editor({
  room,
  seq,
  text,
  onDone,
}: {
  room: string;
  seq: number;
  text: string;
  onDone: () => void;
}) {
  const t = useT();
  const session = useSession();
  const { account } = useApp();
  const field = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    field.current?.focus();
    field.current?.setSelectionRange(text.length, text.length);
  }, [text.length]);
  const save = () => {
    const value = field.current?.value ?? "";
    if (!value.trim()) return;
    if (value !== text) void session.edit(room, seq, value).catch(account.tell);
    onDone();
  };
  return (
    <div className="editor">
      <TextField
        fieldRef={field}
        label={t("message.edit")}
        initial={text}
        onSubmit={save}
        onText={() => undefined}
        onKey={(event) => event.key === "Escape" && onDone()}
      />
      <div className="actions">
        <small className="quiet-text">{t("message.editHint")}</small>
        <button type="button" className="plain" onClick={onDone}>
          {t("app.cancel")}
        </button>
        <button type="button" className="primary" onClick={save}>
          {t("app.save")}
        </button>
      </div>
    </div>
  );
}

/** A message on its way: sending, sent, or refused. */
export const Outgoing = memo(function Outgoing({ entry, first }: { entry: Entry; first: boolean }) {
  const t = useT();
  const session = useSession();
  const me = useChat((chat) => chat.me.id);
  const state = entry.status === "waiting" ? "sending" : entry.status;
  return (
    <Frame by={me} ts={entry.at} first={first} own className={`outgoing ${state}`}>
      {entry.reply_to !== null && <Quote room={entry.room} seq={entry.reply_to} />}
      {entry.text && (
        <p className="text">
          <Text message={entry} />
        </p>
      )}
      {entry.media && <Attachments media={entry.media} />}
      <p className="delivery" data-testid="delivery" data-state={state}>
        {t(`message.${state}`)}
        {state === "failed" && (
          <>
            {entry.code && <FailureReason entry={entry} />}
            <button type="button" className="link" onClick={() => session.retry(entry.id)}>
              {t(entry.notify === "urgent" ? "quiet.peer.plain" : "message.retry")}
            </button>
            <button type="button" className="link" onClick={() => session.discard(entry.id)}>
              {t("message.discard")}
            </button>
          </>
        )}
      </p>
    </Frame>
  );
});

function FailureReason({ entry: { code, notify } }: { entry: Entry }) {
  const t = useT();
  if (notify === "urgent" && code === "forbidden") return <span> · {t("quiet.peer.forbidden")}</span>;
  if (notify === "urgent" && code === "rate_limited") return <span> · {t("quiet.peer.spent")}</span>;
  return <span> · {errorText(t, code ?? "")}</span>;
}

/** An event that is not a message: who came, who went, what changed. */
export const Note = memo(function Note({ item }: { item: Item }) {
  const t = useT();
  const users = useChat((chat) => chat.users);
  const text = noteText(t, item.e, users);
  return text && <p className="note">{text}</p>;
});
