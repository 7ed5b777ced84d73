// A status or a verdict: a colour, a sign and the word.
import type { Status as AnyStatus, Verdict } from '../api/types';

const SIGNS: Record<AnyStatus, string> = {
  PENDING: '○', SCHEDULED: '◷', RUNNING: '▶', ACTIVE: '▶', RETRYING: '↻', PAUSED: '❚❚',
  COMPENSATING: '↶', COMPLETED: '✓', FAILED: '✕', SKIPPED: '⇥', CANCELLED: '⊘', TERMINATED: '⊘',
  COMPENSATED: '↶',
};

export function Status({ of }: { of: AnyStatus }) {
  return (
    <span class={`pill s-${of}`}>
      <span class="sign" aria-hidden="true">{SIGNS[of] ?? '•'}</span>{of}
    </span>
  );
}

export function VerdictMark({ of }: { of: Verdict }) {
  return <span class={`pill v-${of}`}>{of}</span>;
}
