// Changes that are not applied yet are kept in this browser, by template.

export type Draft = {
  text: string;
  /** The version it began from; 0: none. */ version: number;
  at: number;
};

const place = (name: string): string => `swm-template-draft:${name}`;

export function readDraft(name: string): Draft | null {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(place(name)) ?? 'null');
    const draft = kept as Draft | null;
    return typeof draft?.text === 'string' && typeof draft.version === 'number' ? draft : null;
  } catch {
    return null;
  }
}

/** False: the browser has no room for it. */
export function keepDraft(name: string, draft: Draft): boolean {
  try {
    localStorage.setItem(place(name), JSON.stringify(draft));
    return true;
  } catch {
    return false;
  }
}

export function dropDraft(name: string): void {
  localStorage.removeItem(place(name));
}
