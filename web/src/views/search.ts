import { useEffect, useState } from "react";

const TYPING_PAUSE_MS = 250;

/** Search as one types: the latest question wins; null while the first answer is awaited. */
export function useSearch<T>(
  text: string,
  find: (text: string) => Promise<T[]>,
  onError: (error: unknown) => void,
): T[] | null {
  const [found, setFound] = useState<T[] | null>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: only the text starts a search.
  useEffect(() => {
    let current = true;
    const timer = setTimeout(
      () => {
        find(text.normalize("NFC").trim()).then((items) => current && setFound(items), onError);
      },
      text ? TYPING_PAUSE_MS : 0,
    );
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [text]);
  return found;
}
