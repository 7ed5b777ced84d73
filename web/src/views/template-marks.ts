// Which tasks of a graph a difference of versions touches.
import type { Difference } from '../api/template';
import type { Layout, LayoutTask } from '../api/instance';

/** Below `stages.STAGE.tasks.TASK`, or of a whole stage; names may hold dots. */
function touches(path: string, task: LayoutTask): 'whole' | 'part' | null {
  const stage = `stages.${task.stage}`;
  const own = `${stage}.tasks.${task.name}`;
  if (path === stage || path === own) return 'whole';
  return path.startsWith(`${own}.`) ? 'part' : null;
}

export function marksOf(layout: Layout, changes: Difference[]): Map<string, string> {
  const marks = new Map<string, string>();
  for (const task of layout.tasks)
    for (const { path, change } of changes) {
      const how = touches(path, task);
      if (how === null || marks.get(task.id) === 'added' || marks.get(task.id) === 'removed')
        continue;
      marks.set(task.id, how === 'whole' ? change : 'changed');
    }
  return marks;
}
