import { columnsOf } from "../../core/media";
import type { Upload } from "../../core/uploads";
import type { MediaObject } from "../../protocol/media";
import { FileCard } from "./file-card";
import { Picture } from "./picture";
import { VoicePlayer } from "./voice-player";

interface AttachmentsProps {
  media: readonly MediaObject[];
  /** What is still on its way, by the id that the object has here. */
  uploads?: ReadonlyMap<string, Upload>;
}

/** What a message has beside its text: pictures in a grid, then voice, then files. */
export function Attachments({ media, uploads }: AttachmentsProps) {
  const isShown = (one: MediaObject) => one.kind === "image" && one.status !== "rejected";
  const pictures = media.filter(isShown);
  return (
    <div className="attachments">
      {pictures.length > 0 && (
        <div className="pictures" data-columns={columnsOf(pictures.length)}>
          {pictures.map((one) => (
            <Picture key={one.id} media={one} alone={pictures.length === 1} upload={uploads?.get(one.id)} />
          ))}
        </div>
      )}
      {media
        .filter((one) => !isShown(one))
        .map((one) =>
          one.kind === "voice" && one.status !== "rejected" ? (
            <VoicePlayer key={one.id} media={one} upload={uploads?.get(one.id)} />
          ) : (
            <FileCard key={one.id} media={one} upload={uploads?.get(one.id)} />
          ),
        )}
    </div>
  );
}
