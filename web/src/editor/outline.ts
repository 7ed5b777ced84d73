// The outline of a YAML or JSON text while it is being written: which keys stand where, and where
// the cursor is among them. It takes unfinished text as it is and never fails; whether the text is
// right is the server's to say.

export type Path = (string | number)[];

/** A key with its value, or an item of a list (its key is its number). */
export type Entry = {
  path: Path;
  from: number;
  to: number;
  /** The value where it is one word or text; null: a mapping, a list, nothing. */
  text: string | null;
  valueFrom: number;
  valueTo: number;
};

/** Where the cursor is. `key`: among the keys of the mapping at `path`. `value`: in the value at
 * `path`. `open`: on a line of its own below `path`, where keys or a value may begin. */
export type Spot = {
  kind: 'key' | 'value' | 'open';
  path: Path;
  /** The keys that the mapping has, without the one at the cursor. */
  keys: string[];
  /** The value up to the cursor. */
  before: string;
  /** The quotes that the value, or the key, stands in. */
  quote: string;
};

export type Outline = { entries: Entry[]; spot: Spot | null };

const MARK = '\ue000'; // stands for the cursor while the text is read

type Frame = {
  kind: 'map' | 'list';
  isFlow: boolean;
  indent: number;
  path: Path;
  key: string | number | null;
  keys: string[];
};

const PLAIN_KEY = /(?:[^\s#&*!|>'"%@`{}[\],:-]|-(?=\S))[^\n#:]*?(?=[ \t]*:(?:[ \t\n]|$))/y;
const QUOTED = /"(?:[^"\\]|\\[^])*(?:"|$)|'(?:[^']|'')*(?:'|$)/y;
const FLOW_WORD = /(?:[^,{}[\]\n#:]|:(?![\s,{}[\]]|$)|(?<!\s)#)+/y;
const REST_OF_LINE = /(?:[^\n#]|(?<=\S)#)*/y;

class Scanner {
  at = 0;
  readonly stack: Frame[] = [];
  readonly entries: Entry[] = [];
  spot: Spot | null = null;
  private spotFrame: Frame | null = null;

  constructor(readonly text: string) {}

  run(): Outline {
    while (this.at < this.text.length) this.line();
    if (this.spot !== null && this.spotFrame !== null) this.spot.keys = this.spotFrame.keys;
    return { entries: this.entries, spot: this.spot };
  }

  take(pattern: RegExp): string | null {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0] ?? null;
    this.at += found?.length ?? 0;
    return found;
  }

  blanks(): void {
    this.take(/[ \t]*/y);
  }

  get top(): Frame | undefined {
    return this.stack[this.stack.length - 1];
  }

  pathHere(): Path {
    const { top } = this;
    return top === undefined ? [] : [...top.path, ...(top.key === null ? [] : [top.key])];
  }

  push(kind: 'map' | 'list', indent: number, isFlow: boolean): Frame {
    const frame: Frame = { kind, isFlow, indent, path: this.pathHere(), key: null, keys: [] };
    this.stack.push(frame);
    return frame;
  }

  /** Something with the cursor in it was read. */
  mark(spot: Omit<Spot, 'keys'>, frame?: Frame): void {
    this.spot = { ...spot, keys: [] };
    this.spotFrame = frame ?? null;
  }

  /* --- lines --- */

  line(): void {
    this.blanks();
    const column = this.at - (this.text.lastIndexOf('\n', this.at - 1) + 1);
    this.content(column);
    this.take(/[^\n]*/y);
    this.at += 1;
  }

  /** What stands at this column of a line: an item, a key, a word. */
  content(column: number): void {
    const next = this.text[this.at];
    if (next === undefined || next === '\n' || next === '#') return;
    if (/^(?:---|\.\.\.)(?:\s|$)/.test(this.text.slice(this.at, this.at + 4)) && column === 0)
      return;
    if (this.take(/-(?=[ \t\n]|$)/y) !== null) {
      this.item(column);
      return;
    }
    const from = this.at;
    const quoted = this.take(QUOTED);
    const isKey =
      quoted !== null && /^[ \t]*:(?:[ \t\n]|$)/.test(this.text.slice(this.at, this.at + 80));
    if (quoted !== null && !isKey) this.at = from;
    const key = isKey ? unquoted(quoted) : quoted === null ? this.take(PLAIN_KEY) : null;
    if (key !== null) this.key(column, key, from);
    else this.word(column);
  }

  item(column: number): void {
    this.leave((frame) => frame.indent > column);
    const { top } = this;
    const list =
      top?.kind === 'list' && top.indent === column ? top : this.push('list', column, false);
    list.key = list.key === null ? 0 : Number(list.key) + 1;
    const from = this.at;
    this.blanks();
    this.note(list, from, from);
    this.content(column + 1 + this.at - from);
  }

  key(column: number, key: string, from: number): void {
    this.leave(
      (frame) => frame.indent > column || (frame.kind === 'list' && frame.indent === column),
    );
    const { top } = this;
    const map =
      top?.kind === 'map' && top.indent === column ? top : this.push('map', column, false);
    this.named(map, key, from, this.at);
    this.take(/[ \t]*:[ \t]*/y);
    this.value(map);
  }

  /** A word alone on its line: the beginning of a key, a value, or more of a text. */
  word(column: number): void {
    const { top } = this;
    const frames = this.stack.filter((frame) => frame.indent <= column);
    const map = frames[frames.length - 1];
    const begin = this.at;
    const text = this.text[begin] ?? '';
    if ('{["\''.includes(text) && top !== undefined && top.indent < column) {
      this.value(top);
      return;
    }
    if (text === '{' || text === '[') {
      this.flow();
      return;
    }
    const word = this.take(REST_OF_LINE) ?? '';
    if (!word.includes(MARK)) {
      if (top?.kind === 'list') this.note(top, begin, begin, word.trim(), begin);
      return;
    }
    const before = word.slice(0, word.indexOf(MARK));
    const quote = /^["']/.exec(word)?.[0] ?? '';
    if (map?.kind === 'map' && map.indent === column)
      this.mark({ kind: 'key', path: map.path, before, quote }, map);
    else if (map === undefined) this.mark({ kind: 'open', path: [], before, quote });
    else if (map === top) this.mark({ kind: 'open', path: this.pathHere(), before, quote });
  }

  leave(isOver: (frame: Frame) => boolean): void {
    for (let { top } = this; top !== undefined && isOver(top); { top } = this) this.stack.pop();
  }

  /* --- keys and values --- */

  named(map: Frame, key: string, from: number, to: number): void {
    if (key.includes(MARK)) {
      const before = key.slice(0, key.indexOf(MARK));
      this.mark(
        {
          kind: 'key',
          path: map.path,
          before,
          quote: /["']/.exec(this.text[from] ?? '')?.[0] ?? '',
        },
        map,
      );
    } else map.keys.push(key);
    map.key = key.replace(MARK, '');
    this.note(map, from, to);
  }

  note(frame: Frame, from: number, to: number, text: string | null = null, valueFrom = to): void {
    const path = [...frame.path, frame.key ?? ''];
    const last = this.entries[this.entries.length - 1];
    if (text !== null && last !== undefined && String(last.path) === String(path)) {
      last.text = text;
      last.valueFrom = valueFrom;
      last.valueTo = valueFrom + text.length;
    } else
      this.entries.push({
        path,
        from,
        to,
        text,
        valueFrom,
        valueTo: valueFrom + (text?.length ?? 0),
      });
  }

  /** The value of the frame's key, as far as it stands on this line. */
  value(frame: Frame): void {
    this.take(/(?:[&!][^\s,{}[\]]*[ \t]+)*/y);
    const from = this.at;
    const next = this.text[from] ?? '';
    if (next === '{' || next === '[') {
      this.flow();
      return;
    }
    if (/[|>]/.test(next) && !frame.isFlow) {
      this.block(frame.indent);
      return;
    }
    const quoted = this.take(QUOTED);
    const raw = quoted ?? this.take(frame.isFlow ? FLOW_WORD : REST_OF_LINE) ?? '';
    const text = quoted === null ? raw.trimEnd() : unquoted(quoted);
    if (raw.includes(MARK)) {
      const before = text.slice(0, text.indexOf(MARK));
      this.mark({ kind: 'value', path: this.pathHere(), before, quote: quoted?.[0] ?? '' });
    }
    if (text !== '')
      this.note(frame, from, from, text.replace(MARK, ''), quoted === null ? from : from + 1);
  }

  /** A text of several lines: everything that is further in. */
  block(indent: number): void {
    const path = this.pathHere();
    this.take(/[^\n]*/y);
    for (;;) {
      const start = this.at + 1;
      const line = /[^\n]*/y;
      line.lastIndex = start;
      const text = start > this.text.length ? null : (line.exec(this.text)?.[0] ?? null);
      if (text === null) return;
      const isInside = text.trim() === '' || text.search(/\S/) > indent;
      if (!isInside) return;
      const mark = text.indexOf(MARK);
      if (mark >= 0) this.mark({ kind: 'value', path, before: text.slice(0, mark), quote: '' });
      this.at = start + text.length;
    }
  }

  /* --- braces and brackets --- */

  gap(): void {
    this.take(/(?:\s|#[^\n]*)*/y);
  }

  flow(): void {
    const isMap = this.text[this.at] === '{';
    const frame = this.push(isMap ? 'map' : 'list', Number.MAX_SAFE_INTEGER, true);
    this.at += 1;
    for (this.gap(); this.at < this.text.length; this.gap()) {
      const before = this.at;
      if (/[}\]]/.test(this.text[before] ?? '')) {
        this.at += 1;
        break;
      }
      if (this.take(/,/y) === null) {
        if (isMap) this.flowKey(frame);
        else this.flowItem(frame);
      }
      if (this.at === before) this.at += 1; // what cannot stand here
    }
    this.stack.pop();
  }

  flowItem(frame: Frame): void {
    frame.key = frame.key === null ? 0 : Number(frame.key) + 1;
    this.value(frame);
  }

  flowKey(frame: Frame): void {
    const from = this.at;
    const quoted = this.take(QUOTED);
    const key = quoted === null ? this.take(FLOW_WORD) : unquoted(quoted);
    if (key === null) return;
    this.named(frame, key.trim(), from, from + key.length);
    this.gap();
    if (this.take(/:/y) === null) return;
    this.gap();
    if (!/[,}\]]/.test(this.text[this.at] ?? ',')) this.value(frame);
  }
}

function unquoted(text: string): string {
  const inner = text.slice(1, text.length > 1 && text.endsWith(text[0] ?? '') ? -1 : undefined);
  return text.startsWith("'") ? inner.replaceAll("''", "'") : inner;
}

export const outline = (text: string): Entry[] => new Scanner(text).run().entries;

/** What stands around `offset`; null: nothing that is known, such as a comment. */
export function spotAt(text: string, offset: number): Spot | null {
  return new Scanner(text.slice(0, offset) + MARK + text.slice(offset)).run().spot;
}

/** The innermost key or value at `offset`. */
export function entryAt(entries: Entry[], offset: number): Entry | null {
  const hits = entries.filter(
    (entry) =>
      (entry.from <= offset && offset <= entry.to) ||
      (entry.text !== null && entry.valueFrom <= offset && offset <= entry.valueTo),
  );
  return hits[hits.length - 1] ?? null;
}

/** The order in which a schema at `root` of the text names the properties of each object. */
export function orderOf(text: string, root: Path): (path: string) => string[] {
  const entries = outline(text);
  return (path) => {
    const parts = path
      .replaceAll('[]', '.[]')
      .split('.')
      .filter((part) => part !== '');
    const at = [
      ...root,
      ...parts.flatMap((part) => (part === '[]' ? ['items'] : ['properties', part])),
      'properties',
    ];
    return entries
      .filter(
        (entry) =>
          entry.path.length === at.length + 1 && at.every((part, k) => part === entry.path[k]),
      )
      .map((entry) => String(entry.path.at(-1)));
  };
}
