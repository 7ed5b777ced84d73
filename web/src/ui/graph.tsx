// The graph of a template or of an instance, from the server's layout: stages as lanes, tasks as
// boxes that can be walked with the arrow keys, needs as arrows. What is painted on it comes by
// signals (graph-looks.ts); where it is looked at from is graph-view.ts.
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { useSignal, type ReadonlySignal, type Signal } from '@preact/signals';
import type { Box, Layout, LayoutEdge, LayoutStage, LayoutTask } from '../api/instance';
import { followPointers, GraphView } from './graph-view';
import type { Look, Looks } from './graph-looks';
import { Icon, type IconName } from './icon';
import { Status } from './status';

type Props = {
  layout: Layout;
  /** Absent: a template's graph, without statuses. */
  looks?: Looks | null;
  label: string;
  /** Ids of tasks: the one that is looked at, and those that would run again. */
  chosen?: string;
  marked?: ReadonlySignal<ReadonlySet<string> | null>;
  onChoose?: (id: string) => void;
  /** Offered at each lane's head. */
  stageAction?: { label: (stage: string) => string; icon: IconName; run: (stage: string) => void };
};

type BoxProps = {
  task: LayoutTask;
  look: Signal<Look> | undefined;
  isChosen: boolean;
  isStop: boolean;
  marked: Props['marked'];
  onChoose: Props['onChoose'];
};

const who = (task: LayoutTask): string => (task.kind === 'queue' ? task.queue ?? ''
  : task.assignee ?? task.group ?? 'anyone');

function nameOf(task: LayoutTask, look: Look | undefined, isMarked: boolean): string {
  const parts = [task.name, task.kind === 'queue' ? `queue ${who(task)}` : `for ${who(task)}`];
  if (look) parts.push(look.status);
  if (look && look.generation > 1) parts.push(`generation ${look.generation}`);
  if (look && look.attempt > 1) parts.push(`attempt ${look.attempt}`);
  if (isMarked) parts.push('will run again');
  return parts.join(', ');
}

function TaskBox({ task, look, isChosen, isStop, marked, onChoose }: BoxProps) {
  const now = look?.value;
  const isMarked = marked?.value?.has(task.id) ?? false;
  const { x, y, width, height } = task;
  return (
    <button type="button" class={`g-task ${isChosen ? 'is-chosen' : ''} ${isMarked ? 'is-marked'
      : marked?.value ? 'is-unmarked' : ''}`} data-status={now?.status} data-task={task.id}
      tabIndex={isStop ? 0 : -1} aria-pressed={onChoose ? isChosen : undefined}
      aria-label={nameOf(task, now, isMarked)} title={task.name}
      style={{ left: `${x}px`, top: `${y}px`, width: `${width}px`, height: `${height}px` }}
      onClick={() => onChoose?.(task.id)}>
      <span class="g-name" dir="auto">{task.name}</span>
      <span class="g-kind"><Icon name={task.kind === 'queue' ? 'queues' : 'person'} />
        <span dir="auto">{who(task)}</span></span>
      {now ? (
        <span class="g-state"><Status of={now.status} />
          <span class="g-counts">
            {now.generation > 1 && <span class="g-count">gen {now.generation}</span>}
            {now.attempt > 1 && <span class="g-count">try {now.attempt}</span>}
          </span></span>
      ) : task.business_status && <span class="g-says" dir="auto">{task.business_status}</span>}
    </button>
  );
}

function Lane({ stage, nth, status, action }: {
  stage: LayoutStage; nth: number; status: Signal<LayoutStage['status']> | undefined;
  action: Props['stageAction'];
}) {
  const now = status?.value;
  const { x, y, width, height } = stage;
  return (
    <section class="g-lane" data-status={now} data-stage={stage.name}
      aria-label={`Stage ${nth}: ${stage.name}${now ? `, ${now}` : ''}`}
      style={{ left: `${x}px`, top: `${y}px`, width: `${width}px`, height: `${height}px` }}>
      <header><span class="g-ordinal">Stage {nth}</span>{now && <Status of={now} />}</header>
      <h2 class="g-stage" dir="auto" title={stage.name}>{stage.name}
        {action && now !== undefined && now !== 'PENDING' && (
          <button type="button" class="icon-button g-act" title={action.label(stage.name)}
            tabIndex={-1} aria-label={action.label(stage.name)}
            onClick={() => action.run(stage.name)}><Icon name={action.icon} /></button>
        )}</h2>
    </section>
  );
}

function pathOf(points: number[]): string {
  const parts = [`M${points[0]} ${points[1]}`];
  for (let k = 2; k < points.length; k += 6) {
    const piece = points.slice(k, k + 6);
    if (k + 6 >= points.length) piece[4] = (piece[4] ?? 0) - 7;
    parts.push(`C${piece.join(' ')}`);
  }
  return parts.join('');
}

const OUT = ['SCHEDULED', 'RUNNING', 'RETRYING'];
const AWAITED = [...OUT, 'FAILED'];

/** The way that was taken, the way it is on, and what is waited for. */
function kindOf(from: Look | undefined, to: Look | undefined): string {
  if (!from || !to) return '';
  if (from.status === 'COMPLETED') return OUT.includes(to.status) ? 'is-done is-live' : 'is-done';
  return to.status === 'PENDING' && AWAITED.includes(from.status) ? 'is-waited' : '';
}

function Arrow({ edge, looks }: { edge: LayoutEdge; looks: Looks | null | undefined }) {
  const kind = kindOf(looks?.tasks.get(edge.from)?.value, looks?.tasks.get(edge.to)?.value);
  const line = useMemo(() => pathOf(edge.points), [edge]);
  const [x, y] = edge.points.slice(-2);
  return (
    <g class={`g-arrow ${kind}`}>
      <path class="g-edge" d={line} />
      <path class="g-tip" d={`M${x} ${y}l-9-5l2 5l-2 5Z`} />
    </g>
  );
}

/** The nearest box in the direction of an arrow key; what lies straight ahead comes first. */
export function nextTask(tasks: LayoutTask[], from: LayoutTask, key: string): LayoutTask | null {
  const middle = (b: Box): [number, number] => [b.x + b.width / 2, b.y + b.height / 2];
  const [x, y] = middle(from);
  let best: LayoutTask | null = null;
  let least = Infinity;
  for (const task of tasks) {
    const [dx, dy] = [middle(task)[0] - x, middle(task)[1] - y];
    const isLevel = key === 'ArrowRight' || key === 'ArrowLeft';
    const ahead = key === 'ArrowRight' ? dx : key === 'ArrowLeft' ? -dx : key === 'ArrowDown' ? dy
      : -dy;
    const cost = ahead + 3 * Math.abs(isLevel ? dy : dx);
    if (ahead > 1 && cost < least) {
      least = cost;
      best = task;
    }
  }
  return best;
}

const PAN_PX = 80;

function onKey(e: KeyboardEvent, view: GraphView, layout: Layout, go: (t: LayoutTask) => void) {
  const id = (e.target as HTMLElement).dataset['task'];
  const from = layout.tasks.find((task) => task.id === id);
  const pan: Record<string, [number, number]> = { ArrowLeft: [PAN_PX, 0], ArrowRight: [-PAN_PX, 0],
    ArrowUp: [0, PAN_PX], ArrowDown: [0, -PAN_PX] };
  const moved = pan[e.key];
  if (moved !== undefined && (e.shiftKey || from === undefined)) {
    view.pan(...moved);
  } else if (moved !== undefined && from !== undefined) {
    const next = nextTask(layout.tasks, from, e.key);
    if (next !== null) go(next);
  } else if (e.key === '+' || e.key === '=') {
    view.zoom(1.25);
  } else if (e.key === '-') {
    view.zoom(0.8);
  } else if (e.key === '0') {
    view.fit();
  } else {
    return;
  }
  e.preventDefault();
}

/** Where something goes on or went wrong, else where it begins: the stage, and of a stage too wide
 * for the window the first such task. */
function placeOf(layout: Layout, looks: Looks | null | undefined, room: number): Box | undefined {
  const stage = layout.stages.find((s) =>
    ['ACTIVE', 'FAILED'].includes(looks?.stages.get(s.name)?.peek() ?? '')) ?? layout.stages[0];
  const task = layout.tasks.find((t) => t.stage === stage?.name
    && AWAITED.includes(looks?.tasks.get(t.id)?.peek().status ?? ''));
  return stage && task && stage.width > room ? task : stage;
}

export function Graph({ layout, looks, label, chosen, marked, onChoose, stageAction }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const plane = useRef<HTMLDivElement>(null);
  const view = useRef<GraphView | null>(null);
  const stop = useSignal(chosen || layout.tasks[0]?.id);
  useEffect(() => {
    if (box.current === null || plane.current === null) return undefined;
    const mine = new GraphView(box.current, plane.current, layout);
    view.current = mine;
    const { clientWidth } = box.current;
    const place = (): Box | undefined => placeOf(layout, looks, clientWidth);
    mine.begin(layout.tasks.find((task) => task.id === chosen) ?? place());
    const watch = new ResizeObserver(() => mine.resize(place()));
    watch.observe(box.current);
    const end = followPointers(box.current, mine);
    return () => {
      end();
      watch.disconnect();
      mine.end();
    };
  }, [layout, looks]);
  useEffect(() => {
    const task = layout.tasks.find((t) => t.id === chosen);
    if (task === undefined) return;
    stop.value = task.id;
    view.current?.show(task);
  }, [chosen, layout]);
  // What is not changed is not even compared: these parts stay while the view around is drawn anew.
  const doing = useRef({ onChoose, stageAction });
  doing.current = { onChoose, stageAction };
  const isActive = { choose: onChoose !== undefined, stage: stageAction !== undefined };
  const lanes = useMemo(() => layout.stages.map((stage, k) => (
    <Lane key={stage.name} stage={stage} nth={k + 1} status={looks?.stages.get(stage.name)}
      action={isActive.stage ? doing.current.stageAction && { ...doing.current.stageAction,
        run: (name) => doing.current.stageAction?.run(name) } : undefined} />
  )), [layout, looks, isActive.stage]);
  const arrows = useMemo(() => layout.edges.map((edge) => (
    <Arrow key={`${edge.from} ${edge.to}`} edge={edge} looks={looks} />
  )), [layout, looks]);
  const boxes = useMemo(() => layout.tasks.map((task) => (
    <TaskBox key={task.id} task={task} look={looks?.tasks.get(task.id)} marked={marked}
      isChosen={task.id === chosen} isStop={task.id === stop.value}
      onChoose={isActive.choose ? (id) => doing.current.onChoose?.(id) : undefined} />
  )), [layout, looks, marked, chosen, stop.value, isActive.choose]);
  const go = (task: LayoutTask): void => {
    stop.value = task.id;
    view.current?.show(task);
    [...plane.current?.querySelectorAll<HTMLElement>('[data-task]') ?? []]
      .find((e) => e.dataset['task'] === task.id)?.focus({ preventScroll: true });
  };
  return (
    <div class="graph">
      <div ref={box} class="graph-box" role="group" aria-label={label}
        onScroll={(e) => (e.currentTarget as HTMLElement).scrollTo(0, 0)}
        onKeyDown={(e) => view.current && onKey(e, view.current, layout, go)}>
        <div ref={plane} class="graph-plane"
          style={{ width: `${layout.width}px`, height: `${layout.height}px` }}>
          {lanes}
          <svg class="graph-arrows" width={layout.width} height={layout.height}
            aria-hidden="true">{arrows}</svg>
          {boxes}
        </div>
      </div>
      <div class="graph-tools">
        <button type="button" class="icon-button" title="Nearer (+)" aria-label="Zoom in"
          onClick={() => view.current?.zoom(1.25)}><Icon name="plus" /></button>
        <button type="button" class="icon-button" title="Farther (−)" aria-label="Zoom out"
          onClick={() => view.current?.zoom(0.8)}><Icon name="minus" /></button>
        <button type="button" class="icon-button" title="All of it (0)" aria-label="Fit"
          onClick={() => view.current?.fit()}><Icon name="fit" /></button>
      </div>
    </div>
  );
}
