// What a version says about one of its tasks.
import type { Content, TaskContent } from '../api/template';
import { setTerms } from '../route';
import { Icon } from '../ui/icon';
import { Json } from '../ui/json';

/** A task by its id: its name, or STAGE/NAME where several stages have one of that name. */
export function findTask(
  content: Content,
  id: string,
): { task: TaskContent; stage: string } | null {
  const all = content.stages.flatMap((stage) =>
    (stage.tasks ?? []).map((task) => ({ task, stage: stage.name })),
  );
  return (
    all.find(({ task, stage }) => `${stage}/${task.name}` === id) ??
    all.find(({ task }) => task.name === id) ??
    null
  );
}

const plain = (value: unknown): string =>
  typeof value === 'object' && value !== null
    ? Object.entries(value)
        .map(([name, one]) => `${name} ${plain(one)}`)
        .join(', ')
    : String(value);

const WORDS: Record<string, string> = {
  queue: 'Queue',
  business_status: 'Business status',
  retry: 'Retry',
  timeout: 'Timeout',
};

export function TaskPanel({ content, id }: { content: Content; id: string }) {
  const found = findTask(content, id);
  if (found === null) return null;
  const { task, stage } = found;
  const { human, needs = [] } = task;
  return (
    <aside class="card t-task" aria-label={`Task ${task.name}`}>
      <header class="card-head">
        <h2 dir="auto">{task.name}</h2>
        <button
          type="button"
          class="icon-button"
          aria-label="Close"
          onClick={() => setTerms({ task: null }, true)}>
          <Icon name="close" />
        </button>
      </header>
      <dl class="t-facts">
        <div>
          <dt>Stage</dt>
          <dd dir="auto">{stage}</dd>
        </div>
        {human !== undefined && (
          <div>
            <dt>Done by</dt>
            <dd dir="auto">
              {human.assignee ?? human.group ?? 'anyone'}
              {human.due !== undefined && `, due in ${human.due}`}
            </dd>
          </div>
        )}
        {needs.length > 0 && (
          <div>
            <dt>Needs</dt>
            <dd dir="auto">{needs.join(', ')}</dd>
          </div>
        )}
        {Object.entries(WORDS)
          .filter(([name]) => task[name] !== undefined)
          .map(([name, word]) => (
            <div key={name}>
              <dt>{word}</dt>
              <dd dir="auto">{plain(task[name])}</dd>
            </div>
          ))}
      </dl>
      {task['input'] !== undefined && <Json value={task['input']} label="Input" />}
      {human?.form !== undefined && <Json value={human.form} label="Form" />}
    </aside>
  );
}
