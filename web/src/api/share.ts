// A share link opens one instance, read-only: its token stands behind the # of the address
// (`#/shared/TOKEN`, or all of it at /embed), goes into the header of each request in place of a
// key, and is never sent elsewhere.

const PREFIX = 'swms_';
const SEPARATOR = '\x1f'; // between format, key, instance and end

export type Shared = { token: string; instance: string };

/** The instance that a token names; null: it is none. Only the server knows whether it is good. */
export function readShare(token: string): Shared | null {
  if (!token.startsWith(PREFIX)) return null;
  try {
    const text = atob(token.slice(PREFIX.length).replaceAll('-', '+').replaceAll('_', '/'));
    const instance = text.split(SEPARATOR)[2];
    return instance ? { token, instance } : null;
  } catch {
    return null;
  }
}

function tokenOf(hash: string): string {
  return /^#\/shared\/([^?/]+)/.exec(hash)?.[1] ?? /^#([^?/]+)/.exec(hash)?.[1] ?? '';
}

const opened = globalThis.location?.hash ?? '';
/** What this page was opened with; another link is another page. */
export const shared: Shared | null = readShare(tokenOf(opened));
/** Whether it was meant to be opened with a link, whole or not. */
export const isByLink: boolean = shared !== null || opened.startsWith('#/shared/');
