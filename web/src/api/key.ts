// The access key, where the server asks for one. It is kept until this tab is closed, or, where the
// reader wants that, in this browser until he logs out; it goes into the header of each request and
// nowhere else.
import { store } from '../store';
import { shared } from './share';

const PLACE = 'swm-key';
let given: (() => void)[] = []; // requests that wait for a key

export const currentKey = (): string | null =>
  shared?.token ?? sessionStorage.getItem(PLACE) ?? localStorage.getItem(PLACE);

/** The id of the key in use, as the list of keys has it. */
export const currentKeyId = (): string | null => currentKey()?.split('_')[1] ?? null;

/** Resolves when there is another key than `refused`; the shell asks for it. */
export function anotherKey(refused: string | null): Promise<void> {
  if (currentKey() !== refused) return Promise.resolve();
  store.login.value = refused === null ? 'none' : 'refused';
  return new Promise((resolve) => given.push(resolve));
}

export function giveKey(key: string, isKept = false): void {
  drop();
  (isKept ? localStorage : sessionStorage).setItem(PLACE, key);
  store.login.value = null;
  const waiting = given;
  given = [];
  waiting.forEach((go) => go());
}

function drop(): void {
  sessionStorage.removeItem(PLACE);
  localStorage.removeItem(PLACE);
}

export function forgetKey(): void {
  drop();
  location.reload();
}
