// The overview before the first instance: what to do to see one.
import { Cli } from '../ui/cli';
import { Card } from '../ui/page';
import { href } from '../route';
import { may } from '../store';
import { useTemplateNames } from './template-names';


export function First() {
  const [name] = useTemplateNames();
  return (
    <Card title="Nothing has run here yet">
      <ol class="first">
        <li>
          <h3>{name ? 'There is a template' : 'Apply a template'}</h3>
          <p class="quiet">It says which tasks run, in which order, and where each is done.</p>
          <a href={href(['templates'])}>
            {name || !may('author') ? 'To the templates' : 'Write one here'}</a>
          {!name && <Cli line="swm template apply my-workflow.yaml" />}
        </li>
        <li>
          <h3>Start an instance</h3>
          <p class="quiet">One run of the template, with a key of yours and its input.</p>
          <Cli line={`swm start ${name ?? 'my-workflow'} --key ORDER-1`} />
        </li>
        <li>
          <h3>See it move</h3>
          <p class="quiet">This page is live: it shows the instance as soon as it has begun.
            For something to look at without writing anything, run the demo.</p>
          <Cli line="swm demo" />
        </li>
      </ol>
    </Card>
  );
}
