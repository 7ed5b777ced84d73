// What a replay would run, shown in the graph before it runs.
import { useEffect, useRef } from 'preact/hooks';
import { useSignal, type Signal } from '@preact/signals';
import { get, instancePath, withQuery } from '../api/client';
import type { InstanceShown } from '../api/instance';
import { setTerms } from '../route';
import { complain, dryRun, openReplay, type Target } from './instance-actions';
import { findTask } from './instance-task';

export type Preview = { target: Signal<Target | null>; marked: Signal<ReadonlySet<string> | null> };

export function usePreview(): Preview {
  const target = useSignal<Target | null>(null);
  const marked = useSignal<ReadonlySet<string> | null>(null);
  return { target, marked };
}

/** Shows it in the graph; in a narrow window nothing may lie over that. */
export function beginPreview(preview: Preview, target: Target): void {
  const isNarrow = matchMedia('(max-width: 860px)').matches;
  setTerms({ tab: null, event: null, ...(isNarrow ? { task: null } : {}) });
  preview.target.value = target;
}

const endPreview = ({ target, marked }: Preview): void => {
  target.value = null;
  marked.value = null;
};

/** The input of a task as it is now, to be changed. */
async function inputOf(id: string, task: string): Promise<unknown> {
  const shown = await get<InstanceShown>(withQuery(instancePath(id), { task }));
  return findTask(shown, task)?.input ?? undefined;
}

export function PreviewBar({ shown, preview }: { shown: InstanceShown; preview: Preview }) {
  const target = preview.target.value;
  const isBusy = useSignal(false);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (target === null) return undefined;
    let isWanted = true;
    preview.marked.value = new Set();
    dryRun(shown.instance, target).then((tasks) => {
      if (isWanted) preview.marked.value = new Set(tasks);
    }, (e: unknown) => {
      if (!isWanted) return;
      endPreview(preview);
      complain(e);
    });
    return () => { isWanted = false; };
  }, [target, shown.revision]);
  useEffect(() => { // what is to be looked at and confirmed comes next
    if (target !== null) box.current?.focus();
  }, [target === null]);
  if (target === null) return null;
  const tasks = [...preview.marked.value ?? []];
  const confirm = async (): Promise<void> => {
    isBusy.value = true;
    try {
      const input = target.task ? await inputOf(shown.instance, target.task) : undefined;
      openReplay(shown, target, tasks, input, () => endPreview(preview));
    } catch (e) {
      complain(e);
    }
    isBusy.value = false;
  };
  return (
    <div class="callout preview" role="region" aria-label="Replay" tabIndex={-1} ref={box}>
      <p><b>{tasks.length === 1 ? '1 task' : `${tasks.length} tasks`}</b> would run again: {
        target.task ? <>the task <b dir="auto">{target.task}</b></>
          : <>the stage <b dir="auto">{target.stage}</b></>}
      {target.only ? ' alone.' : ' and what depends on it.'} They are marked below.</p>
      <label class="check"><input type="checkbox" checked={target.only}
        onChange={(e) => {
          preview.target.value = { ...target, only: (e.target as HTMLInputElement).checked };
        }} /> only this {target.task ? 'task' : 'stage'}</label>
      <span class="preview-buttons">
        <button type="button" onClick={() => endPreview(preview)}>Leave it</button>
        <button type="button" class="primary" disabled={isBusy.value || tasks.length === 0}
          onClick={() => void confirm()}>Replay…</button>
      </span>
    </div>
  );
}
