// A value as it is, to be read and copied. Text only.
import { pretty } from '../api/json';
import { Copy } from './cli';

export function Json({ value, label }: { value: unknown; label?: string }) {
  const text = pretty(value);
  return (
    <div class="json">
      {label !== undefined && <h3>{label}</h3>}
      <pre tabIndex={0}>{text}</pre>
      <Copy text={text} label={`Copy ${label ?? 'the value'}`} />
    </div>
  );
}

/** A value in one line, cut to `max` characters. */
export function brief(value: unknown, max = 80): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value) ?? '';
  return text.length > max ? `${text.slice(0, max - 1)}…` : text;
}
