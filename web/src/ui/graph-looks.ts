// What a graph paints on its boxes, each in a signal of its own: when a task changes, one box and
// its arrows are drawn again, and nothing else.
import { batch, signal, type Signal } from '@preact/signals';
import type { Layout } from '../api/instance';
import type { Change, StageStatus, TaskStatus } from '../api/types';

export type Look = { status: TaskStatus; generation: number; attempt: number };
export type Looks = {
  tasks: Map<string, Signal<Look>>;
  stages: Map<string, Signal<StageStatus>>;
};

/** Null where nothing is painted: a template's graph. */
export function looksOf(layout: Layout): Looks | null {
  if (layout.stages.some((stage) => stage.status === undefined)) return null;
  return {
    tasks: new Map(layout.tasks.map((t) => [t.id, signal<Look>({
      status: t.status ?? 'PENDING', generation: t.generation ?? 1, attempt: t.attempt ?? 0 })])),
    stages: new Map(layout.stages.map((s) => [s.name,
      signal<StageStatus>(s.status ?? 'PENDING')])),
  };
}

function setLook(of: Signal<Look> | undefined, to: Partial<Look>): void {
  if (of === undefined) return;
  const { status, generation, attempt } = { ...of.peek(), ...to };
  const is = of.peek();
  if (is.status === status && is.generation === generation && is.attempt === attempt) return;
  of.value = { status, generation, attempt };
}

type Painted = {
  stages: { name: string; status: StageStatus; tasks: (Look & { id: string })[] }[];
};

export function paint(looks: Looks, shown: Painted): void {
  batch(() => {
    for (const stage of shown.stages) {
      const of = looks.stages.get(stage.name);
      if (of !== undefined) of.value = stage.status;
      for (const task of stage.tasks) {
        const { status, generation, attempt } = task;
        setLook(looks.tasks.get(task.id), { status, generation, attempt });
      }
    }
  });
}

/** `tasks.make_food.status`: the name may hold dots, the field does not. */
export function readPath(path: string): { scope: string; name: string; field: string } | null {
  const first = path.indexOf('.');
  const last = path.lastIndexOf('.');
  if (first < 0 || last <= first) return null;
  return { scope: path.slice(0, first), name: path.slice(first + 1, last),
    field: path.slice(last + 1) };
}

/** Applies what records say, as they come, before the server is asked again. */
export function patch(looks: Looks, changes: Change[]): void {
  batch(() => {
    for (const change of changes) {
      const at = readPath(change.path);
      if (at === null) continue;
      const stage = at.scope === 'stages' ? looks.stages.get(at.name) : undefined;
      if (stage !== undefined && at.field === 'status') stage.value = change.to as StageStatus;
      const isLook = ['status', 'generation', 'attempt'].includes(at.field);
      if (at.scope === 'tasks' && isLook)
        setLook(looks.tasks.get(at.name), { [at.field]: change.to });
    }
  });
}
