import { useState } from "react";
import { lookOf } from "../../core/media";
import { openIn, type Upload } from "../../core/uploads";
import { useLocale, useT } from "../../i18n";
import type { RoomId } from "../../protocol/types";
import { useStore } from "../../shell/store";
import { useSession } from "../context";
import { Icon } from "../icons";
import { LOOKS } from "./file-card";
import { UploadActions, UploadBar, UploadCover, uploadText } from "./upload-state";
import { bytes } from "./words";

/** What is attached to the message that is being written. */
export function useAttached(room: RoomId): readonly Upload[] {
  const { uploads } = useSession();
  return useStore(uploads.parcels, (parcels) => openIn(parcels, room)?.uploads) ?? NONE;
}

const NONE: readonly Upload[] = [];

/** The attached files above the field: how far each is, and a way to take it out. */
export function Tray({ uploads }: { uploads: readonly Upload[] }) {
  const t = useT();
  if (uploads.length === 0) return null;
  return (
    <ul className="tray" aria-label={t("media.attached")} data-testid="tray">
      {uploads.map((upload) => (
        <li key={upload.key} data-state={upload.state.at}>
          <Attached upload={upload} />
        </li>
      ))}
    </ul>
  );
}

function Attached({ upload }: { upload: Upload }) {
  const t = useT();
  const locale = useLocale();
  const session = useSession();
  const { key, kind, name, size, state } = upload;
  const local = session.uploads.local(key);
  const failed = state.at === "failed";
  const [isShown, setShown] = useState(true);
  if (kind === "image" && local && isShown && !failed)
    return (
      <span className="tray-picture">
        <img src={local} alt={name} onError={() => setShown(false)} />
        <UploadCover upload={upload} />
      </span>
    );
  return (
    <span className={`file-card ${failed ? "failed" : ""}`}>
      <span className="file-mark">
        <Icon name={LOOKS[lookOf(upload)]} />
      </span>
      <span className="file-text">
        <strong title={name}>{name}</strong>
        <small className={failed ? "file-fault" : ""} role={failed ? "alert" : undefined}>
          {failed ? uploadText(t, upload) : `${bytes(locale, size)} · ${uploadText(t, upload)}`}
        </small>
      </span>
      <UploadActions upload={upload} />
      <UploadBar upload={upload} />
    </span>
  );
}
