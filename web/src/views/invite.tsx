import { useEffect, useState } from "react";
import { useLocale, useT } from "../i18n";
import type { Invite, InvitePreview } from "../protocol/types";
import { ApiError } from "../shell/api";
import { useApp } from "./context";
import { Dialog } from "./dialog";
import { errorText, moment } from "./words";
import { useEnter } from "./workspace";

/** The page behind an invite link: what one is invited to, and a button to join. */
export function InvitePage({ code }: { code: string }) {
  const t = useT();
  const { account, router } = useApp();
  const enter = useEnter();
  const [preview, setPreview] = useState<InvitePreview | null>(null);
  const [failure, setFailure] = useState<unknown>(null);
  useEffect(() => {
    account.api.invite(code).then(setPreview, setFailure);
  }, [account, code]);
  const accept = async () => {
    const room = await account.api.acceptInvite(code);
    await enter(room.id);
  };
  const name = preview?.room.name ?? "";
  return (
    <main className="gate">
      <section className="card">
        <h1>{t("invite.title")}</h1>
        {preview && (
          <>
            <p className="invite-room">{name}</p>
            <p className="quiet-text">
              {t("directory.members", { count: preview.room.member_count })}
              {preview.room.topic && ` · ${preview.room.topic}`}
            </p>
            <button type="button" className="primary wide" onClick={() => void accept().catch(setFailure)}>
              {t("invite.accept", { name })}
            </button>
          </>
        )}
        {failure !== null && (
          <p className="form-error" role="alert">
            {inviteError(t, failure)}
          </p>
        )}
        <button type="button" className="link" onClick={() => router.go({ at: "home" })}>
          {t("invite.close")}
        </button>
      </section>
    </main>
  );
}

function inviteError(t: ReturnType<typeof useT>, failure: unknown): string {
  const code = failure instanceof ApiError ? failure.code : "";
  if (code === "gone") return t("invite.gone");
  return code === "not_found" ? t("invite.missing") : errorText(t, failure);
}

/** Make an invite link for a room and show it for copying. */
export function InviteDialog({ room, onClose }: { room: string; onClose: () => void }) {
  const t = useT();
  const locale = useLocale();
  const { account } = useApp();
  const [invite, setInvite] = useState<Invite | null>(null);
  const [failure, setFailure] = useState<unknown>(null);
  useEffect(() => {
    let current = true;
    account.api.createInvite(room).then((made) => current && setInvite(made), setFailure);
    return () => {
      current = false;
    };
  }, [account, room]);
  return (
    <Dialog title={t("invite.create")} onClose={onClose}>
      {invite?.url && <Copyable text={invite.url} />}
      {invite?.expires_at && (
        <p className="quiet-text">
          {t("invite.expires", { date: moment(locale, Date.parse(invite.expires_at)) })}
        </p>
      )}
      {failure !== null && (
        <p className="form-error" role="alert">
          {errorText(t, failure)}
        </p>
      )}
    </Dialog>
  );
}

function Copyable({ text }: { text: string }) {
  const t = useT();
  const [copied, setCopied] = useState(false);
  // Where the page is not served securely there is no clipboard; the text can still be selected.
  const copy = () => void navigator.clipboard?.writeText(text).then(() => setCopied(true));
  return (
    <div className="copyable">
      <input
        readOnly
        value={text}
        aria-label={t("invite.create")}
        onFocus={(event) => event.target.select()}
      />
      <button type="button" className="primary" onClick={copy}>
        {copied ? t("invite.copied") : t("invite.copy")}
      </button>
    </div>
  );
}
