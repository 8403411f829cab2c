import { type FileLook, lookOf } from "../../core/media";
import { withoutDirections } from "../../core/text";
import type { Upload } from "../../core/uploads";
import { useLocale, useT } from "../../i18n";
import type { MediaObject } from "../../protocol/media";
import { download } from "../../shell/download";
import { useApp, useSession } from "../context";
import { Icon, type IconName } from "../icons";
import { UploadActions, UploadBar, uploadText } from "./upload-state";
import { bytes, rejection } from "./words";

export const LOOKS: Record<FileLook, IconName> = {
  archive: "box",
  audio: "note",
  film: "film",
  page: "page",
  picture: "picture",
  sheet: "sheet",
  text: "text",
};

/** A file with its icon, name and size; a press saves it. What was refused says why. */
export function FileCard({ media, upload }: { media: MediaObject; upload?: Upload | undefined }) {
  const t = useT();
  const locale = useLocale();
  const session = useSession();
  const { account } = useApp();
  const { status, kind } = media;
  const name = withoutDirections(media.name);
  const rejected = status === "rejected";
  const title = kind === "voice" ? t("media.voice") : name;
  const state = upload ? uploadText(t, upload) : status === "pending" ? t("media.pending") : null;
  const note = rejected ? rejection(t, media.reason) : state;
  const failed = rejected || upload?.state.at === "failed";
  const body = (
    <>
      <span className="file-mark">
        <Icon name={kind === "voice" ? "mic" : LOOKS[lookOf(media)]} />
      </span>
      <span className="file-text">
        <strong title={title}>{title}</strong>
        <small className={failed ? "file-fault" : ""}>
          {[rejected || failed ? null : bytes(locale, media.size), note].filter(Boolean).join(" · ")}
        </small>
      </span>
    </>
  );
  const save = () => void download(session.urls, media).catch(account.tell);
  return (
    <div className={`file-card ${failed ? "failed" : ""}`} data-testid="file" data-status={status}>
      {status === "ready" ? (
        <button type="button" aria-label={t("media.downloadOf", { name })} onClick={save}>
          {body}
          <Icon name="download" />
        </button>
      ) : (
        <div>{body}</div>
      )}
      {upload && <UploadActions upload={upload} />}
      {upload && <UploadBar upload={upload} />}
    </div>
  );
}
