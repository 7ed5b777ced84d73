// Help beside the text: what a key means, what it takes, what it is where nothing is written.
import type { Help, Suggestion } from './suggest';

function part(kind: string, name: string, text: string): HTMLElement {
  const element = document.createElement(kind);
  element.className = name;
  element.textContent = text;
  return element;
}

const shown = (value: unknown): string =>
  typeof value === 'string' ? value : JSON.stringify(value);

function fact(name: string, text: string): HTMLElement {
  const line = part('p', 'help-fact', `${name} `);
  line.append(part('code', '', text));
  return line;
}

export function explain({ path, schema, kind }: Help): HTMLElement {
  const box = part('div', 'help', '');
  const name = [...path].reverse().find((one) => typeof one === 'string');
  const head = part('p', 'help-head', '');
  head.append(part('b', '', String(name ?? 'item')), part('span', 'help-kind', kind));
  box.append(head, part('p', '', schema.description ?? ''));
  if (schema.default !== undefined) box.append(fact('Without it:', shown(schema.default)));
  const [example] = schema.examples ?? [];
  if (example !== undefined) box.append(fact('For example:', shown(example)));
  return box;
}

export function explainSuggestion(one: Suggestion): HTMLElement {
  const box = part('div', 'help', '');
  box.append(part('p', '', one.info));
  return box;
}
