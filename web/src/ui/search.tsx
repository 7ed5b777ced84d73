// A field to search in: what is typed goes into the address when the reader pauses.
import { useEffect, useRef } from 'preact/hooks';
import { useSignal, type Signal } from '@preact/signals';
import { Icon } from './icon';

const TYPED_MS = 250;

type Typed = {
  /** What the address says, as it is typed. */
  given: string;
  put: (text: string) => void;
  /** What the address will say of a text: what it does not keep makes no difference. */
  tidy?: (text: string) => string;
};

/** What is typed, from the first letter on. It follows the address when that is changed. */
export function useTyped({ given, put, tidy = (text) => text }: Typed): Signal<string> {
  const text = useSignal(given);
  const last = useRef(given);
  useEffect(() => {
    if (given !== last.current) text.value = given;
    last.current = given;
  }, [given]);
  useEffect(() => {
    if (tidy(text.value) === given) return undefined;
    const timer = setTimeout(() => {
      last.current = tidy(text.value);
      put(text.value);
    }, TYPED_MS);
    return () => clearTimeout(timer);
  }, [text.value]);
  return text;
}

export function Search({ text, label, hint = label }: {
  text: Signal<string>; label: string; hint?: string;
}) {
  return (
    <label class="search">
      <Icon name="search" /><span class="hidden">{label}</span>
      <input type="search" value={text.value} placeholder={hint} autocomplete="off"
        spellcheck={false} onInput={(e) => { text.value = e.currentTarget.value; }} />
    </label>
  );
}
