import { useT } from "../i18n";
import type { UserId } from "../protocol/types";
import { useApp } from "./context";
import { Dialog } from "./dialog";
import { PeopleSearch } from "./people-search";
import { useEnter } from "./workspace";

export function DirectMessage({ onClose }: { onClose: () => void }) {
  const t = useT();
  const talkTo = useTalkTo();
  return (
    <Dialog title={t("rooms.direct")} onClose={onClose}>
      <PeopleSearch
        onChoose={(user) => {
          onClose();
          talkTo(user.id);
        }}
      />
    </Dialog>
  );
}

/** Open the direct room with somebody; it is made if there is none. */
export function useTalkTo(): (user: UserId) => void {
  const { account } = useApp();
  const enter = useEnter();
  return (user) =>
    void account.api
      .direct(user)
      .then((room) => enter(room.id))
      .catch(account.tell);
}
