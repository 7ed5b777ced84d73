// What the list of queues and the view of one share: the bar of what is in it, whose tasks it has.
import type { QueueInfo } from '../api/types';
import { depthOf, isUnattended } from '../queue';
import { href } from '../route';
import { store } from '../store';
import { Icon } from '../ui/icon';

const PARTS = [['visible', 'waiting'], ['in_flight', 'in flight'], ['delayed', 'delayed']] as const;

export const count = (n: number, isMore = false): string =>
  n.toLocaleString() + (isMore ? '+' : '');

/** What is in a queue, as long as it is beside the fullest one (`of`). */
export function Depth({ queue, of }: { queue: QueueInfo; of: number }) {
  const all = depthOf(queue);
  const words = PARTS.map(([name, word]) => `${count(queue[name])} ${word}`).join(', ');
  return (
    <span class="depth" role="img" aria-label={words} title={words}>
      <span class="depth-full" style={{ width: `${of > 0 ? (100 * all) / of : 0}%` }}>
        {PARTS.map(([name]) => queue[name] > 0
          && <span key={name} class={`depth-${name}`} style={{ flexGrow: queue[name] }} />)}
      </span>
    </span>
  );
}

export function DepthLegend() {
  return (
    <p class="legend">{PARTS.map(([name, word]) =>
      <span key={name} class={`depth-key depth-key-${name}`}>{word}</span>)}</p>
  );
}

/** What is wrong with a queue, where something is. */
export function Trouble({ queue }: { queue: QueueInfo }) {
  if (queue.problem) {
    return <p class="trouble trouble-bad"><Icon name="warning" />{queue.problem}</p>;
  }
  if (!isUnattended(queue, store.now.value)) return null;
  return <p class="trouble"><Icon name="warning" />Nobody takes from it</p>;
}

type Served = QueueInfo['serves'][number];

export function TaskLink({ of }: { of: Served }) {
  return (
    <a class="task-link" dir="auto" href={href(['templates', of.template])}
      title={`${of.template}, stage ${of.stage}, task ${of.task}`}>{of.template}<span
        class="quiet"> · {of.task}</span></a>
  );
}
