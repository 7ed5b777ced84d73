// A command line that does the same as a button, to be copied.
import { useSignal } from '@preact/signals';
import { Icon } from './icon';

/** A word as a POSIX shell takes it. */
export function quote(word: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** `command('replay', id, '--task', name)`; words that are empty are left out. */
export function command(...words: (string | undefined | false | null)[]): string {
  return ['swm', ...words.filter((w): w is string => !!w).map(quote)].join(' ');
}

export function Copy({ text, label }: { text: string; label: string }) {
  const isDone = useSignal(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    isDone.value = true;
    setTimeout(() => { isDone.value = false; }, 1500);
  };
  return (
    <button type="button" class="icon-button" title={label} aria-label={label} onClick={copy}>
      <Icon name={isDone.value ? 'check' : 'copy'} />
    </button>
  );
}

export function Cli({ line }: { line: string }) {
  return (
    <div class="cli">
      <code tabIndex={0}>{line}</code>
      <Copy text={line} label="Copy the command" />
    </div>
  );
}
