// Who the reader is, as far as he says so: a name kept in this browser, recorded with what he does.
const PLACE = 'swm-actor';
const BYTES_MAX = 128;

/** A frame in another site's page, and a test, have no such place. */
export function actor(): string {
  try {
    return localStorage.getItem(PLACE) ?? '';
  } catch {
    return '';
  }
}

/** False: it is too long, or has characters that a header cannot carry. */
export function setActor(name: string): boolean {
  const text = name.trim();
  if (!/^[\x20-\x7e]*$/.test(text) || text.length > BYTES_MAX) return false;
  localStorage.setItem(PLACE, text);
  return true;
}
