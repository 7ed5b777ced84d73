// Two texts beside one another (in a narrow window below one another), with what differs marked.
import { useMemo } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import { compare, folded, type Piece, type Row } from './compare';

const AROUND = 3;

function Side({ of, sign, kind }: { of: Row['left']; sign: string; kind: string }) {
  if (of === null)
    return (
      <>
        <td class="c-number" />
        <td class={`c-line c-${kind}`} />
      </>
    );
  return (
    <>
      <td class={`c-number c-${kind}`}>{of.number}</td>
      <td class={`c-line c-${kind}`}>
        <span class="c-sign" aria-hidden="true">
          {sign}
        </span>
        <code>
          {of.pieces.map((piece, k) => (
            <Words key={k} piece={piece} />
          ))}
        </code>
      </td>
    </>
  );
}

function Words({ piece }: { piece: Piece }) {
  return piece.isOther ? <mark class="c-word">{piece.text}</mark> : <>{piece.text}</>;
}

function Line({ row }: { row: Row }) {
  const { kind, left, right } = row;
  const isGone = kind === 'removed' || kind === 'changed';
  const isNew = kind === 'added' || kind === 'changed';
  return (
    <tr class={`c-row c-row-${kind}`}>
      <Side
        of={left}
        sign={isGone ? '−' : ' '}
        kind={left === null ? 'none' : isGone ? 'gone' : 'same'}
      />
      <Side
        of={right}
        sign={isNew ? '+' : ' '}
        kind={right === null ? 'none' : isNew ? 'new' : 'same'}
      />
    </tr>
  );
}

function Folded({ rows }: { rows: Row[] }) {
  const isOpen = useSignal(false);
  if (isOpen.value)
    return (
      <>
        {rows.map((row, k) => (
          <Line key={k} row={row} />
        ))}
      </>
    );
  return (
    <tr class="c-fold">
      <td colSpan={4}>
        <button
          type="button"
          class="link-button"
          onClick={() => {
            isOpen.value = true;
          }}>
          Show {rows.length} lines that are the same
        </button>
      </td>
    </tr>
  );
}

/** How many lines went and came. */
function countLines(rows: Row[]): { gone: number; come: number } {
  const count = (...kinds: Row['kind'][]): number =>
    rows.filter((row) => kinds.includes(row.kind)).length;
  return { gone: count('removed', 'changed'), come: count('added', 'changed') };
}

export function SideBySide({
  left,
  right,
  names,
}: {
  left: string;
  right: string;
  names: [string, string];
}) {
  const rows = useMemo(() => compare(left, right), [left, right]);
  const shown = useMemo(() => folded(rows, AROUND), [rows]);
  const { gone, come } = countLines(rows);
  if (gone + come === 0)
    return <p class="c-nothing">Both texts are the same, letter for letter.</p>;
  return (
    <div class="c-box" tabIndex={0} role="region" aria-label={`${names[0]} beside ${names[1]}`}>
      <table class="c-table">
        <colgroup>
          <col class="c-col-number" />
          <col />
          <col class="c-col-number" />
          <col />
        </colgroup>
        <thead>
          <tr>
            <th scope="col" colSpan={2}>
              {names[0]} <span class="c-count c-gone">−{gone}</span>
            </th>
            <th scope="col" colSpan={2}>
              {names[1]} <span class="c-count c-new">+{come}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {shown.map((one, k) =>
            'hidden' in one ? <Folded key={k} rows={one.hidden} /> : <Line key={k} row={one} />,
          )}
        </tbody>
      </table>
    </div>
  );
}
