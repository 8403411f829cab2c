import { progress, type Upload } from "../../core/uploads";
import { type Translate, useT } from "../../i18n";
import { useSession } from "../context";
import { Icon, IconButton } from "../icons";
import { uploadFailure } from "./words";

/** Where an upload stands, in words. */
export function uploadText(t: Translate, upload: Upload): string {
  const { state } = upload;
  if (state.at === "failed") return uploadFailure(t, state.code);
  if (state.at === "sending") return t("upload.sending", { percent: Math.round(progress(upload) * 100) });
  return t(`upload.${state.at}`);
}

/** How far an upload is. */
export function UploadBar({ upload }: { upload: Upload }) {
  const t = useT();
  if (upload.state.at === "stored" || upload.state.at === "failed") return null;
  const { name } = upload;
  return (
    <progress className="upload-bar" value={progress(upload)} aria-label={t("upload.progress", { name })} />
  );
}

/** Cancel it, or try it again. */
export function UploadActions({ upload, small = false }: { upload: Upload; small?: boolean }) {
  const t = useT();
  const { uploads } = useSession();
  const { name, key, state } = upload;
  const mayRetry = state.at === "failed" && !["empty", "lost"].includes(state.code);
  const done = state.at === "failed" || state.at === "stored";
  return (
    <span className={`upload-actions ${small ? "small" : ""}`}>
      {mayRetry && (
        <IconButton icon="again" label={t("upload.retry", { name })} onClick={() => uploads.retry(key)} />
      )}
      <IconButton
        icon="close"
        label={t(done ? "upload.remove" : "upload.cancel", { name })}
        onClick={() => uploads.remove(key)}
      />
    </span>
  );
}

/** What lies over a picture that is on its way. */
export function UploadCover({ upload }: { upload: Upload }) {
  const t = useT();
  const { state } = upload;
  const failed = state.at === "failed";
  return (
    <div className={`upload-cover ${failed ? "failed" : ""}`}>
      <UploadActions upload={upload} small />
      {failed ? (
        <small role="alert">
          <Icon name="fault" />
          {uploadText(t, upload)}
        </small>
      ) : (
        <UploadBar upload={upload} />
      )}
    </div>
  );
}
