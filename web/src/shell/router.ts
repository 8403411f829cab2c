/** The address of the page: `/`, `/rooms/<id>` and `/invite/<code>`. */

import type { RoomId } from "../protocol/types";
import { Store } from "./store";

export type Place = { at: "home" } | { at: "room"; room: RoomId } | { at: "invite"; code: string };

export function placeOf(path: string): Place {
  const [, first, second] = path.split("/");
  if (first === "rooms" && second) return { at: "room", room: second };
  if (first === "invite" && second) return { at: "invite", code: decodeURIComponent(second) };
  return { at: "home" };
}

export function pathOf(place: Place): string {
  if (place.at === "room") return `/rooms/${place.room}`;
  return place.at === "invite" ? `/invite/${encodeURIComponent(place.code)}` : "/";
}

export class Router extends Store<Place> {
  constructor() {
    super(placeOf(location.pathname));
    addEventListener("popstate", () => this.#show(placeOf(location.pathname)));
  }

  go = (place: Place, replace = false): void => {
    const path = pathOf(place);
    if (path !== location.pathname) history[replace ? "replaceState" : "pushState"](null, "", path);
    this.#show(place);
  };

  #show(place: Place): void {
    this.value = place;
    this.flush();
  }
}
