import { use, useRef, useState } from "react";
import type { Upload } from "../../core/uploads";
import { useT } from "../../i18n";
import type { MediaObject } from "../../protocol/media";
import { useSession } from "../context";
import { Icon } from "../icons";
import { GalleryContext } from "./gallery";
import { UploadCover } from "./upload-state";
import { useMediaUrl, useNear } from "./use-url";

interface PictureProps {
  media: MediaObject;
  /** Alone it has its own shape, beside others a square. */
  alone: boolean;
  upload?: Upload | undefined;
}

/** A picture in a message. Its box is there before it, and stays as high as it is. */
export function Picture({ media, alone, upload }: PictureProps) {
  const t = useT();
  const session = useSession();
  const open = use(GalleryContext);
  const box = useRef<HTMLDivElement>(null);
  const near = useNear(box);
  const local = session.uploads.local(media.id);
  const ready = media.status === "ready";
  const address = useMediaUrl(media.id, alone ? "preview" : "thumb", near && ready && !local);
  const src = local ?? address.url;
  const { width, height, name } = media;
  const [loaded, setLoaded] = useState(false);
  return (
    <div
      ref={box}
      className={`picture ${alone ? "alone" : ""}`}
      style={alone ? { aspectRatio: width && height ? width / height : 1 } : undefined}
      data-testid="picture"
      data-status={media.status}
    >
      {media.blur && !loaded && <img className="blur" src={`data:image/webp;base64,${media.blur}`} alt="" />}
      {src && !address.failed && (
        <img
          src={src}
          alt={t("media.image", { name })}
          className={loaded ? "loaded" : ""}
          onLoad={() => setLoaded(true)}
          onError={address.onBroken}
        />
      )}
      {!src && !ready && <Pending />}
      {ready && !upload && !address.failed && (
        <button type="button" aria-label={t("media.open", { name })} onClick={() => open(media.id)} />
      )}
      {address.failed && (
        <button type="button" className="broken" onClick={address.again}>
          <Icon name="picture" />
          {t("media.broken")}
          <span>{t("media.reload")}</span>
        </button>
      )}
      {upload && <UploadCover upload={upload} />}
    </div>
  );
}

function Pending() {
  const t = useT();
  return (
    <span className="pending">
      <Icon name="picture" />
      <small>{t("media.pending")}</small>
    </span>
  );
}
