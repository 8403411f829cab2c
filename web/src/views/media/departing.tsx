import { memo, useMemo } from "react";
import { asMedia, type Parcel } from "../../core/uploads";
import { useT } from "../../i18n";
import { useChat } from "../context";
import { Frame } from "../message";
import { Quote } from "../quote";
import { Attachments } from "./attachments";

/** A message whose files are still being uploaded; it is sent by itself when they are. */
export const Departing = memo(function Departing({ parcel, first }: { parcel: Parcel; first: boolean }) {
  const t = useT();
  const me = useChat((chat) => chat.me.id);
  const { uploads, letter } = parcel;
  // A picture of one's own is shown from here; by its key it is found before it has an id.
  const media = uploads.map((upload) => ({ ...asMedia(upload), id: upload.key }));
  const byKey = useMemo(() => new Map(uploads.map((upload) => [upload.key, upload])), [uploads]);
  const stuck = uploads.some(({ state }) => state.at === "failed");
  return (
    <Frame by={me} ts={parcel.at} first={first} own className={`outgoing ${stuck ? "failed" : "sending"}`}>
      {letter?.reply_to !== undefined && <Quote room={parcel.room} seq={letter.reply_to} />}
      {letter?.text && <p className="text">{letter.text}</p>}
      <Attachments media={media} uploads={byKey} />
      <p className="delivery" data-testid="delivery" data-state={stuck ? "failed" : "uploading"}>
        {t(stuck ? "upload.stuck" : "upload.departing")}
      </p>
    </Frame>
  );
});
