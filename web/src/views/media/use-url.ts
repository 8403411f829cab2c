import { type RefObject, useEffect, useState } from "react";
import type { MediaId, MediaVariant } from "../../protocol/media";
import { useSession } from "../context";

const NEAR = "600px";

/** Whether something has come near to where one looks; it stays so. */
export function useNear(ref: RefObject<Element | null>): boolean {
  const [near, setNear] = useState(false);
  useEffect(() => {
    if (near || !ref.current) return;
    const observer = new IntersectionObserver(
      (seen) => seen.some((one) => one.isIntersecting) && setNear(true),
      {
        rootMargin: NEAR,
      },
    );
    observer.observe(ref.current);
    return () => observer.disconnect();
  }, [near, ref]);
  return near;
}

export interface Address {
  url: string | null;
  failed: boolean;
  /** The address did not work: once, a new one is tried. */
  onBroken: () => void;
  again: () => void;
}

/** The address of a variant, once it is wanted. */
export function useMediaUrl(id: MediaId, variant: MediaVariant, wanted: boolean): Address {
  const { urls } = useSession();
  const [url, setUrl] = useState<string | null>(null);
  /** 0: what is known is used, then a new address once, then none until one asks. */
  const [tries, setTries] = useState(0);
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    if (!wanted) return;
    let live = true;
    const asked = tries === 0 ? urls.get(id, variant) : urls.renew(id, variant);
    asked.then(
      (found) => live && setUrl(found),
      () => live && setFailed(true),
    );
    return () => {
      live = false;
    };
  }, [urls, id, variant, wanted, tries]);
  const again = () => {
    setUrl(null);
    setFailed(false);
    setTries(tries + 1);
  };
  return { url, failed, again, onBroken: () => (tries === 0 ? again() : setFailed(true)) };
}
